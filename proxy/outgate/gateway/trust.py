"""Whose certificates a client behind the proxy has to trust: everyone's as before, and ours.

The variables by which tools are told of roots mostly *replace* what a tool trusts, so the file that
they name holds the system's roots, the public ones, and those that the variables named before.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from outgate.gateway import ca
from outgate.settings import Settings

# Variables that name a file of roots.
VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL, and with it Ruby, PHP, wget; Go and Rust on Linux; uv, httpx
    "REQUESTS_CA_BUNDLE",  # Python requests, Azure's tools
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",  # Node and Bun; added to their own
    "DENO_CERT",  # added to its own
)
# Where systems keep all of theirs in one file; Python's own search misses some of them.
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
_KEYCHAIN = "/Library/Keychains/System.keychain"  # where management puts a company's roots on macOS
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_PASSWORD = "changeit"  # Java's own, of a store that holds nothing secret # noqa: S105


def root(settings: Settings) -> bytes:
    """Our root, PEM. Raises CaError. Whoever may not read the key may read this."""
    path = settings.ca_dir / ca.ROOT
    try:
        return path.read_bytes()
    except OSError as error:
        raise ca.CaError(f"{path}: {error.strerror}. Run `outgate ca init`.") from None


def bundle(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """A PEM file of every root that a client needs. Raises CaError.

    It stands in the caller's cache, named by our root; replaced whole, so that who reads it reads all.
    """
    ours, content = root(settings), roots(settings, environment)
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / "outgate" / f"roots-{hashlib.sha256(_key(ours)).hexdigest()[:16]}.pem"
    if _read(path) != content:
        _keep(path, content)
    return path


def roots(settings: Settings, environment: Mapping[str, str], *, but: Path | None = None) -> bytes:
    """PEM of what a client needs, each root once. ``but``: a file of ours, of which nothing is taken over."""
    files = [environment[name] for name in VARIABLES if environment.get(name)]
    others = (_read(file) for file in files if but is None or Path(file) != but)
    parts = (root(settings), *map(_read, settings.extra_roots), *others, *system(), _read(certifi.where()))
    return b"".join(block + b"\n" for block in _distinct(parts))


def java_store(pem: Path) -> tuple[Path, str]:
    """The roots of ``pem`` as a PKCS #12 trust store, which is what Java reads, and its password."""
    store = pem.with_suffix(".p12")
    if store.exists() and store.stat().st_mtime_ns >= pem.stat().st_mtime_ns:
        return store, _PASSWORD  # two of the same roots are not the same bytes
    certificates = [
        pkcs12.PKCS12Certificate(certificate, str(index).encode())
        for index, certificate in enumerate(_parsed(pem.read_bytes()))
    ]
    encryption = serialization.BestAvailableEncryption(_PASSWORD.encode())
    _keep(store, pkcs12.serialize_java_truststore(certificates, encryption))
    return store, _PASSWORD


def system() -> Iterator[bytes]:
    """PEM of what this system trusts, as far as it can be read."""
    paths = ssl.get_default_verify_paths()
    for file in dict.fromkeys((paths.openssl_cafile, *_SYSTEM_FILES)):
        yield _read(file)
    if sys.platform == "win32":
        context = ssl.create_default_context()
        yield "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode()
    if sys.platform == "darwin":
        command = ["/usr/bin/security", "find-certificate", "-a", "-p", _KEYCHAIN]
        yield subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603


def trusted_by_system(pem: bytes) -> bool:
    """Whether this system trusts the certificate ``pem``."""
    wanted = _key(pem)
    return any(_key(block) == wanted for part in system() for block in _PEM.findall(part))


def _distinct(parts: Iterable[bytes]) -> Iterator[bytes]:
    seen: set[bytes] = set()
    for part in parts:
        for block in _PEM.findall(part):
            if (key := _key(block)) not in seen:
                seen.add(key)
                yield block


def _key(pem: bytes) -> bytes:
    """The same for one certificate, however its lines are broken."""
    return b"".join(pem.split())


def _parsed(pem: bytes) -> Iterator[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # systems carry a few that are too old to be well-formed
        for block in _PEM.findall(pem):
            with suppress(ValueError, Warning):
                yield x509.load_pem_x509_certificate(block)


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all. Raises CaError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
            stream.write(content)
        Path(stream.name).chmod(0o644)
        Path(stream.name).replace(path)
    except OSError as error:
        raise ca.CaError(f"{path}: {error.strerror}. Set XDG_CACHE_HOME to a folder of yours.") from None
