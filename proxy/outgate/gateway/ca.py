"""The certificate authority: a root that clients trust, and an intermediate that can sign AI hosts only.

The proxy holds the intermediate's key alone. Its name constraints (RFC 5280, 4.2.1.10) permit the
catalogue's hosts and exclude every IP address, so a stolen key impersonates no bank. The root's key
is needed only to make another intermediate and may be kept elsewhere.

    root.pem            the root's certificate: what clients trust
    root.key.pem        the root's key
    mitmproxy-ca.pem    intermediate's key, its certificate, and the root's, in the form that the
                        interception library reads
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outgate.disk.private import check_file, replace_file

SIGNING, ROOT, ROOT_KEY = "mitmproxy-ca.pem", "root.pem", "root.key.pem"
_ROOT_DAYS, _SIGNING_DAYS = 3650, 730
_ALL_ADDRESSES = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


class CaError(Exception):
    """The CA cannot be used; the message says what, where, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class CaStatus:
    """What there is to know of a usable CA."""

    directory: Path
    subject: str
    fingerprint: str  # SHA-256 of the root certificate, hex
    root_expires: datetime
    expires: datetime  # the intermediate's
    names: frozenset[str]  # what it may sign: each name and all below it

    @property
    def days_left(self) -> float:
        """Days until the first of both certificates ends."""
        return (min(self.expires, self.root_expires) - datetime.now(UTC)) / timedelta(days=1)

    def uncovered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of ``names`` that the intermediate may not sign."""
        return tuple(name for name in names if not _covered(name, self.names))


def _covered(name: str, permitted: frozenset[str]) -> bool:
    labels = name.split(".")
    return any(".".join(labels[i:]) in permitted for i in range(len(labels)))


def exists(directory: Path) -> bool:
    """Whether something of a CA is there already."""
    return any((directory / name).exists() for name in (SIGNING, ROOT, ROOT_KEY))


def create(directory: Path, names: Sequence[str]) -> None:
    """A new root and intermediate. Raises CaError when there is one already."""
    if exists(directory):
        raise CaError(f"{directory}: there is a CA already. `outgate ca rotate` renews it.")
    _prepare(directory)
    _make(directory, names)


def _make(directory: Path, names: Sequence[str]) -> None:
    label = secrets.token_hex(3)
    key = ec.generate_private_key(ec.SECP256R1())
    root = _root(key, label)
    replace_file(directory / ROOT_KEY, _key_pem(key), CaError)
    replace_file(directory / ROOT, _pem(root), CaError, mode=0o644)
    _sign(directory, key, root, names)


def rotate(directory: Path, names: Sequence[str]) -> None:
    """A new intermediate under the same root: clients need to do nothing. Raises CaError."""
    path = directory / ROOT_KEY
    if not path.exists() and exists(directory):
        raise CaError(
            f"{path}: the root's key is not here. Put it back for as long as `outgate ca rotate` takes."
        )
    _check_key(path)
    try:
        root = x509.load_pem_x509_certificate(_read(directory / ROOT))
        key = serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CaError(f"{path}: not a root made by `outgate ca init` ({type(error).__name__}).") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != root.public_key():
        raise CaError(f"{path}: this is not the key of {ROOT}. Restore the right one.")
    if root.not_valid_after_utc <= datetime.now(UTC):
        raise CaError(f"{directory / ROOT}: expired. Run `outgate ca rotate --root`.")
    _back_up(directory, (SIGNING,))
    _sign(directory, key, root, names)


def rotate_root(directory: Path, names: Sequence[str]) -> None:
    """A new root as well: every client must trust it anew. Raises CaError."""
    _prepare(directory)
    _back_up(directory, (SIGNING, ROOT, ROOT_KEY))
    _make(directory, names)


def _back_up(directory: Path, names: Sequence[str]) -> None:
    """Copies beside the files, readable by us alone: what is in use stays whole until it is replaced."""
    suffix = datetime.now(UTC).strftime(".%Y%m%dT%H%M%S%f.old")
    for name in names:
        if (directory / name).exists():
            replace_file(directory / (name + suffix), _read(directory / name), CaError)


def check(directory: Path) -> CaStatus:
    """The CA's status. Raises CaError when it is missing, readable by others, or not one of ours."""
    path = directory / SIGNING
    _check_key(path)
    if os.name == "posix" and directory.stat().st_mode & 0o022:
        raise CaError(f"{directory}: others can replace files in it. Run `chmod 700 {directory}`.")
    raw = _read(path)
    try:
        key = serialization.load_pem_private_key(raw, None)
        signing, root = x509.load_pem_x509_certificates(raw)[:2]
        constraints = signing.extensions.get_extension_for_class(x509.NameConstraints)
        basic = signing.extensions.get_extension_for_class(x509.BasicConstraints).value
        signing.verify_directly_issued_by(root)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.ExtensionNotFound) as error:
        raise CaError(f"{path}: not a CA made by `outgate ca init` ({type(error).__name__}).") from None
    if key.public_key() != signing.public_key():
        raise CaError(f"{path}: key and certificate do not belong together. Run `outgate ca rotate`.")
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CaError(f"{path}: the key is not a P-256 key. Run `outgate ca rotate`.")
    names = frozenset(
        name.value for name in constraints.value.permitted_subtrees or () if isinstance(name, x509.DNSName)
    )
    excluded = {name.value for name in constraints.value.excluded_subtrees or ()}
    limited = constraints.critical and names and excluded.issuperset(_ALL_ADDRESSES)
    if not limited or not basic.ca or basic.path_length != 0:
        raise CaError(f"{path}: the CA is not limited to AI hosts. Run `outgate ca rotate`.")
    status = CaStatus(
        directory=directory,
        subject=root.subject.rfc4514_string(),
        fingerprint=root.fingerprint(hashes.SHA256()).hex(),
        root_expires=root.not_valid_after_utc,
        expires=signing.not_valid_after_utc,
        names=names,
    )
    if status.days_left <= 0:
        raise CaError(f"{path}: expired on {status.expires:%Y-%m-%d}. Run `outgate ca rotate`.")
    return status


def root_certificate(directory: Path, *, der: bool = False) -> bytes:
    """What clients have to trust: the root that the CA in use was signed by. Raises CaError."""
    check(directory)
    root = x509.load_pem_x509_certificates(_read(directory / SIGNING))[1]
    return root.public_bytes(serialization.Encoding.DER if der else serialization.Encoding.PEM)


def _check_key(path: Path) -> None:
    """Raises CaError unless ``path`` is a plain file that only its owner, us, can read."""
    check_file(path, CaError, absent="there is no CA yet. Run `outgate ca init`.")


def _root(key: ec.EllipticCurvePrivateKey, label: str) -> x509.Certificate:
    name = _name(f"Outgate CA {label}")
    return (
        _certificate(name, name, key.public_key(), datetime.now(UTC) + timedelta(days=_ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _sign(
    directory: Path, root_key: ec.EllipticCurvePrivateKey, root: x509.Certificate, names: Sequence[str]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(datetime.now(UTC) + timedelta(days=_SIGNING_DAYS), root.not_valid_after_utc)
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(name) for name in names],
        excluded_subtrees=[x509.IPAddress(network) for network in _ALL_ADDRESSES],
    )
    certificate = (
        _certificate(_name(f"Outgate AI hosts {secrets.token_hex(3)}"), root.subject, key.public_key(), until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    replace_file(directory / SIGNING, _key_pem(key) + _pem(certificate) + _pem(root), CaError)


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=2))
        .not_valid_after(until)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Outgate"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _prepare(directory: Path) -> None:
    try:
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700)
        directory.chmod(0o700)
    except OSError as error:
        raise CaError(f"{directory}: {error.strerror}. Choose another `ca_dir` in the settings.") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CaError(f"{path}: {error.strerror}. Run `outgate ca init`.") from None
