"""TLS to the proxy itself: a client says ``https://proxy:8080``, and may show a certificate of its own.

The certificate that is shown here is the administrator's for the proxy's own name; the CA that opens
connections has no part in it, and may sign no such name. What is said inside is the proxy's protocol,
and in it there may be TLS once more, for a provider, which is opened or not like any other. The core
keeps the facts of one handshake for each client, and takes them for those of an opened connection:
so those of the outer one are taken off again, and a tunnel in it stays a tunnel.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, modes
from mitmproxy.tls import TlsData
from OpenSSL import SSL, crypto

from outgate.gateway.identity import PROXIES, address_of
from outgate.identity import files
from outgate.identity.evidence import IdentityError
from outgate.settings.identity import Tls

_HTTP1 = b"http/1.1"  # the core has no CONNECT over HTTP/2
_TEXT = "This proxy speaks TLS: use https:// in its address.\n"


def is_outer(context: Context) -> bool:
    """Whether the TLS that is being set up is that to the proxy itself: the first thing that is said to it."""
    below = [one for one in context.layers if isinstance(one, ClientTLSLayer)]
    explicit = isinstance(context.layers[0], modes.HttpProxy | modes.HttpUpstreamProxy)
    return explicit and len(below) == 1 and context.layers[1] is below[0]


class ProxyTls:
    """Sets it up, and remembers who has shown what."""

    def __init__(self, settings: Tls | None) -> None:
        """Raises IdentityError for files that cannot be used."""
        self._settings = settings
        self._certificates: dict[str, x509.Certificate | None] = {}  # by client, once its TLS stands
        self.watched: list[files.Watched] = []
        if settings is not None:
            paths = (settings.certificate, settings.key, settings.client_ca, settings.revoked)
            there = tuple(path for path in paths if path is not None)
            self._context = files.WatchedFiles(there, lambda: context(settings))
            self.watched.append(self._context)

    def certificate_of(self, client: Client) -> x509.Certificate | None:
        """What a client has shown, and we have verified."""
        return self._certificates.get(client.id)

    def tls_start_client(self, data: TlsData) -> None:
        """Our certificate, where it is we who are spoken to."""
        if self._settings is not None and is_outer(data.context):
            data.ssl_conn = SSL.Connection(self._context.value)
            data.ssl_conn.set_accept_state()

    def tls_established_client(self, data: TlsData) -> None:
        """Keep what the client has shown; from here on its connection is like one without TLS."""
        if not is_outer(data.context):
            return
        client = data.context.client
        if self._settings is not None:
            shown = client.certificate_list[0].to_cryptography() if client.certificate_list else None
            self._certificates[client.id] = shown if self._settings.client_ca else None
        client.tls = False
        client.sni = client.alpn = client.cipher = client.tls_version = client.timestamp_tls_setup = None
        client.certificate_list, client.alpn_offers, client.cipher_list = [], [], []

    def client_disconnected(self, client: Client) -> None:
        """Forget."""
        self._certificates.pop(client.id, None)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """From other machines nothing is taken without TLS: it may carry a password."""
        client = flow.client_conn
        if self._settings is None or flow.response or not isinstance(client.proxy_mode, PROXIES):
            return
        if client.id not in self._certificates and not address_of(client).is_loopback:
            flow.response = http.Response.make(403, _TEXT, {"content-type": "text/plain; charset=utf-8"})

    requestheaders = http_connect


def context(settings: Tls) -> SSL.Context:
    """What handshakes are made with. Raises IdentityError."""
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(SSL.TLS1_2_VERSION)
    # Every connection shows its certificate anew: one that was revoked since resumes nothing.
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_alpn_select_callback(
        lambda _, offered: _HTTP1 if _HTTP1 in offered else SSL.NO_OVERLAPPING_PROTOCOLS
    )
    try:
        key = load_pem_private_key(files.read(settings.key, secret=True), None)
        chain = x509.load_pem_x509_certificates(files.read(settings.certificate))
        made.use_certificate(chain[0])
        for intermediate in chain[1:]:
            made.add_extra_chain_cert(intermediate)
        made.use_privatekey(key)  # type: ignore[arg-type]
        made.check_privatekey()
    except (ValueError, TypeError, SSL.Error):
        raise IdentityError(
            f"tls: {settings.certificate} and {settings.key} are not a certificate and its key (PEM, not encrypted)"
        ) from None
    if settings.client_ca is not None:
        _ask_clients(made, settings)
    return made


def _ask_clients(made: SSL.Context, settings: Tls) -> None:
    assert settings.client_ca
    store = made.get_cert_store()
    assert store
    issuers = _certificates(settings)
    for issuer in issuers:
        store.add_cert(crypto.X509.from_cryptography(issuer))
        made.add_client_ca(issuer)
    if settings.revoked is not None:
        for revoked in files.read(settings.revoked).split(b"-----BEGIN X509 CRL-----")[1:]:
            try:
                store.add_crl(x509.load_pem_x509_crl(b"-----BEGIN X509 CRL-----" + revoked))
            except ValueError:
                raise IdentityError(f"tls: {settings.revoked}: not revocation lists in PEM") from None
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    required = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if settings.client_certificates == "required" else 0
    made.set_verify(SSL.VERIFY_PEER | required)


def _certificates(settings: Tls) -> list[x509.Certificate]:
    assert settings.client_ca
    try:
        return x509.load_pem_x509_certificates(files.read(settings.client_ca))
    except ValueError:
        raise IdentityError(f"tls: {settings.client_ca}: no certificates in PEM") from None
