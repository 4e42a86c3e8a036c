"""TLS to the proxy itself: who has to use it, and with which files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from outgate.gateway.proxy_tls import ProxyTls, context
from outgate.identity.evidence import IdentityError
from outgate.settings.identity import Tls
from providers.standin import certificates


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    root, certificate, key = certificates(tmp_path)
    key.chmod(0o600)
    return {"certificate": certificate, "key": key, "client_ca": root}


def asked(
    proxy_tls: ProxyTls, address: str, mode: str = "regular", response: Any = None
) -> http.Response | None:
    flow = tflow.tflow()
    flow.client_conn.peername = (address, 5000)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    flow.response = response
    proxy_tls.http_connect(flow)
    return flow.response


def test_other_machines_are_not_listened_to_without_tls(files: dict[str, Path]) -> None:
    proxy_tls = ProxyTls(Tls(**files))
    for address in ("10.1.2.3", "2001:db8::1", "::ffff:192.0.2.1"):
        refused = asked(proxy_tls, address)
        assert refused is not None and refused.status_code == 403 and b"https://" in refused.content
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert asked(proxy_tls, address) is None
    assert asked(proxy_tls, "10.1.2.3", "transparent") is None
    assert asked(ProxyTls(None), "10.1.2.3") is None


@pytest.mark.parametrize("wrong", ["certificate", "key", "client_ca"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_files_that_cannot_be_used_are_told(files: dict[str, Path], wrong: str, content: bytes) -> None:
    files[wrong].write_bytes(content)
    with pytest.raises(IdentityError, match="tls: "):
        context(Tls(**files))


def test_a_key_of_another_certificate_or_for_everybody_is_refused(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = certificates(tmp_path / "other")[2]
    other.chmod(0o600)
    with pytest.raises(IdentityError, match="are not a certificate and its key"):
        context(Tls(**{**files, "key": other}))
    files["key"].chmod(0o644)
    with pytest.raises(IdentityError, match="everybody can read it"):
        context(Tls(**files))


def test_lists_of_revoked_certificates_that_are_none_are_told(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "revoked.pem").write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(IdentityError, match="not revocation lists"):
        context(Tls(**files, revoked=tmp_path / "revoked.pem"))
