"""The TLS of opened connections: leaves for the name that the client asked for, and for no other."""

from __future__ import annotations

from cryptography import x509
from mitmproxy import certs, http
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.proxy import context


class EgressTlsConfig(TlsConfig):
    """mitmproxy's TLS set-up with our naming of leaves, and without its CRL over plain HTTP."""

    name = "tlsconfig"

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:
        """One DNS name: the SNI, or the host of the CONNECT. The CA may sign no IP address."""
        server = conn_context.server.address
        host = conn_context.client.sni or (str(server[0]) if server else "localhost")
        return self.certstore.get_cert(host, [x509.DNSName(host)])

    def request(self, flow: http.HTTPFlow) -> None:
        """Nothing: no request is answered but by the inspection."""
