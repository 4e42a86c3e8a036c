"""The CA limits itself: real verifiers that trust its root accept AI hosts and nothing else."""

from __future__ import annotations

import ssl
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mitmproxy.certs import CertStore

from outgate.catalogue import Catalogue
from outgate.gateway import ca


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    ca.create(tmp_path / "ca", Catalogue.load().constraint_names())
    return tmp_path / "ca"


def leaf(directory: Path, host: str, name: x509.GeneralName) -> Path:
    """Key, leaf and chain for ``host``, made as the proxy makes them."""
    entry = CertStore.from_store(directory, "mitmproxy", 2048).get_cert(host, [name])
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "leaf.pem"
    path.write_bytes(key + entry.cert.to_pem() + (directory / ca.SIGNING).read_bytes())
    return path


def openssl_accepts(directory: Path, certificate: Path) -> bool:
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", directory / ca.ROOT]
    done = subprocess.run([*command, "-untrusted", directory / ca.SIGNING, certificate], capture_output=True)
    return done.returncode == 0


def python_accepts(directory: Path, certificate: Path, host: str) -> bool:
    """A handshake in memory with a client that trusts the root alone."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(directory / ca.ROOT))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=host)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return client.version() is not None


@pytest.mark.parametrize(
    ("host", "name", "accepted"),
    [
        ("api.openai.com", x509.DNSName("api.openai.com"), True),
        ("example.com", x509.DNSName("example.com"), False),
        ("notopenai.com", x509.DNSName("notopenai.com"), False),
        ("127.0.0.1", x509.IPAddress(ip_address("127.0.0.1")), False),
        ("::1", x509.IPAddress(ip_address("::1")), False),
    ],
)
def test_verifiers_accept_a_leaf_for_an_ai_host_and_for_nothing_else(
    directory: Path, host: str, name: x509.GeneralName, accepted: bool
) -> None:
    certificate = leaf(directory, host, name)
    assert openssl_accepts(directory, certificate) is accepted
    assert python_accepts(directory, certificate, host) is accepted


def test_nothing_but_the_certificate_for_clients_can_be_read_by_others(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {ca.SIGNING: 0o600, ca.ROOT: 0o644, ca.ROOT_KEY: 0o600}


def test_a_second_create_leaves_the_first_ca_as_it_was(directory: Path) -> None:
    before = (directory / ca.SIGNING).read_bytes()
    with pytest.raises(ca.CaError, match="already"):
        ca.create(directory, ["openai.com"])
    assert (directory / ca.SIGNING).read_bytes() == before


def test_rotation_keeps_the_root_and_backs_up_the_old_key_unreadable_to_others(directory: Path) -> None:
    old, fingerprint = (directory / ca.SIGNING).read_bytes(), ca.check(directory).fingerprint
    ca.rotate(directory, ["openai.com"])
    status = ca.check(directory)
    assert status.fingerprint == fingerprint
    assert status.names == {"openai.com"}
    assert status.uncovered(["api.openai.com", "openai.com", "xopenai.com"]) == ("xopenai.com",)
    [backup] = directory.glob("*.old")
    assert backup.read_bytes() == old
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert openssl_accepts(directory, leaf(directory, "openai.com", x509.DNSName("openai.com")))


def test_a_new_root_is_not_trusted_by_clients_of_the_old_one(directory: Path) -> None:
    old_root = (directory / ca.ROOT).read_bytes()
    ca.rotate_root(directory, ["openai.com"])
    certificate = leaf(directory, "openai.com", x509.DNSName("openai.com"))
    assert openssl_accepts(directory, certificate)
    (directory / ca.ROOT).write_bytes(old_root)
    assert not openssl_accepts(directory, certificate)


def test_a_root_key_that_is_kept_elsewhere_hinders_only_rotation(directory: Path) -> None:
    (directory / ca.ROOT_KEY).unlink()
    assert ca.check(directory).days_left > 700
    with pytest.raises(ca.CaError, match="Put it back"):
        ca.rotate(directory, ["openai.com"])


def test_the_exported_root_is_a_certificate_and_no_key(directory: Path) -> None:
    pem = ca.root_certificate(directory)
    assert pem == (directory / ca.ROOT).read_bytes()
    assert b"KEY" not in pem
    assert x509.load_der_x509_certificate(ca.root_certificate(directory, der=True)) == (
        x509.load_pem_x509_certificate(pem)
    )


def _readable(directory: Path) -> None:
    (directory / ca.SIGNING).chmod(0o640)


def _replaceable(directory: Path) -> None:
    directory.chmod(0o770)


def _link(directory: Path) -> None:
    (directory / ca.SIGNING).rename(directory / "elsewhere.pem")
    (directory / ca.SIGNING).symlink_to(directory / "elsewhere.pem")


def _gone(directory: Path) -> None:
    (directory / ca.SIGNING).unlink()


def _torn(directory: Path) -> None:
    path = directory / ca.SIGNING
    path.write_bytes(path.read_bytes()[:400])


def _another_key(directory: Path) -> None:
    path = directory / ca.SIGNING
    certificates = x509.load_pem_x509_certificates(path.read_bytes())
    path.write_bytes(_key(ec.generate_private_key(ec.SECP256R1())) + _pem(*certificates))


def _another_root(directory: Path) -> None:
    path = directory / ca.SIGNING
    raw = path.read_bytes()
    key = serialization.load_pem_private_key(raw, None)
    signing, root = x509.load_pem_x509_certificates(raw)
    forged = _issue(root.subject, root.subject, ec.generate_private_key(ec.SECP256R1()), None)
    path.write_bytes(_key(key) + _pem(signing, forged))  # type: ignore[arg-type]


def _unconstrained(directory: Path) -> None:
    _replace(directory, x509.NameConstraints([x509.DNSName("")], None))


def _addresses_allowed(directory: Path) -> None:
    _replace(directory, x509.NameConstraints([x509.DNSName("openai.com")], None))


def _no_constraints(directory: Path) -> None:
    _replace(directory, None)


def _expired(directory: Path) -> None:
    _replace(directory, _constraints(), days=-1)


def _other_curve(directory: Path) -> None:
    _replace(directory, _constraints(), curve=ec.SECP384R1())


def _may_sign_cas(directory: Path) -> None:
    _replace(directory, _constraints(), path_length=None)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_gone, "outgate ca init"),
        (_readable, "chmod 600"),
        (_replaceable, "chmod 700"),
        (_link, "not a plain file"),
        (_torn, "not a CA made by"),
        (_another_key, "do not belong together"),
        (_another_root, "not a CA made by"),
        (_no_constraints, "not a CA made by"),
        (_unconstrained, "not limited"),
        (_addresses_allowed, "not limited"),
        (_may_sign_cas, "not limited"),
        (_expired, "expired"),
        (_other_curve, "P-256"),
    ],
)
def test_an_unfit_ca_is_refused_with_what_to_do(
    directory: Path, spoil: Callable[[Path], None], told: str
) -> None:
    ca.check(directory)
    spoil(directory)
    with pytest.raises(ca.CaError, match=told):
        ca.check(directory)


def _constraints() -> x509.NameConstraints:
    everywhere = [x509.IPAddress(network) for network in ca._ALL_ADDRESSES]
    return x509.NameConstraints([x509.DNSName("openai.com")], everywhere)


def _replace(
    directory: Path,
    constraints: x509.NameConstraints | None,
    *,
    days: int = 30,
    curve: ec.EllipticCurve | None = None,
    path_length: int | None = 0,
) -> None:
    """An intermediate as given, properly signed by the directory's own root."""
    root = x509.load_pem_x509_certificate((directory / ca.ROOT).read_bytes())
    root_key = serialization.load_pem_private_key((directory / ca.ROOT_KEY).read_bytes(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(curve or ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intermediate")])
    made = _issue(subject, root.subject, key, root_key, constraints, days, path_length)
    (directory / ca.SIGNING).write_bytes(_key(key) + _pem(made, root))


def _issue(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey | None,
    constraints: x509.NameConstraints | None = None,
    days: int = 30,
    path_length: int | None = 0,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(signer or key, hashes.SHA256())


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
