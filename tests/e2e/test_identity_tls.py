"""TLS to the proxy itself, clients that show a certificate there, and users of this machine."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect

from e2e import ways
from e2e.conftest import Proxy, proxies
from e2e.who import CHAT, MIRROR, OPEN, POLICY, RESTRICTED, asked_by, curl
from outgate.identity import files
from patience import eventually
from providers.standin import Server, certificates

NOW = datetime.now(UTC)


class Authority:
    """Who issues certificates to clients."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(self.name, self.key, NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, mail: str, device: str, group: str, *, days: int = 1) -> Path:
        """A client's certificate and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [(NameOID.COMMON_NAME, device), (NameOID.ORGANIZATIONAL_UNIT_NAME, group)]
        names = x509.SubjectAlternativeName([x509.RFC822Name(mail)])
        name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
        builder = self._builder(name, key, NOW + timedelta(days=days)).add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        path = self.folder / f"{self.certificate.serial_number}-{certificate.serial_number}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path

    def revoke(self, *files: Path) -> bytes:
        """Its list of the revoked."""
        listed = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        listed = listed.last_update(NOW - timedelta(days=1)).next_update(NOW + timedelta(days=1))
        for file in files:
            number = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW)
            listed = listed.add_revoked_certificate(one.build())
        return listed.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=3))
            .not_valid_after(until)
        )


@dataclass
class Site:
    proxy: Proxy
    authority: Authority
    ada: Path
    revoked: Path
    root: Path  # of the proxy's own certificate, and of the stand-in's

    @property
    def address(self) -> str:
        return f"https://localhost:{self.proxy.service.addresses[0][1]}"

    def client(self, shown: Path | None = None, **options: bool) -> httpx.Client:
        outer = ssl.create_default_context(cafile=str(self.root))
        if shown:
            outer.load_cert_chain(shown)
        through = httpx.Proxy(self.address, ssl_context=outer)
        return httpx.Client(proxy=through, verify=self.proxy.ssl, timeout=30, trust_env=False, **options)

    def told(self, shown: Path | None) -> str:
        with self.client(shown) as client:
            return client.post(f"https://{MIRROR}{CHAT}", content=ways.CLEAN).text

    def curl(self, shown: Path | None = None) -> ways.Curl:
        certificate = ["--proxy-cert", str(shown)] if shown else []
        return curl(
            self.proxy, self.root, "--proxy", self.address, "--proxy-cacert", str(self.root), *certificate
        )


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "clients")
    revoked = folder / "revoked.pem"
    revoked.write_bytes(authority.revoke())
    own = folder / "proxy.pem", folder / "proxy.key"
    own[0].write_bytes(server.certificate.read_bytes())
    own[1].write_bytes(server.key.read_bytes())
    own[1].chmod(0o600)
    with pytest.MonkeyPatch.context() as patch, proxies(server, folder) as make:
        patch.setattr(files, "_EVERY", 0.2)
        made = make(
            POLICY,
            tls={
                "certificate": str(own[0]),
                "key": str(own[1]),
                "client_ca": str(authority.file),
                "revoked": str(revoked),
            },
            identity={
                "required": True,
                "sources": [
                    {"certificate": {"user": "san.email", "device": "subject.CN", "groups": "subject.OU"}},
                    {"local": True},
                ],
            },
            routes={
                **dict.fromkeys(
                    (OPEN, RESTRICTED, MIRROR, "intranet.example"), f"127.0.0.1:{server.stand_in.port}"
                ),
                "intranet.example:80": f"127.0.0.1:{server.stand_in.plain_port}",
            },
        )
        yield Site(
            made, authority, authority.issue("ada@corp.example", "laptop-7", "research"), revoked, server.root
        )


@pytest.fixture
def site(one_for_all: Site) -> Site:
    one_for_all.proxy.stand_in.reset()
    return one_for_all


def test_a_certificate_says_who_it_is(site: Site) -> None:
    with site.client(site.ada) as client:
        told = client.post(f"https://{MIRROR}{CHAT}", content=ways.CLEAN)
        assert asked_by("ada@corp.example", "laptop-7") in told.text
        assert client.post(f"https://{RESTRICTED}{CHAT}", content=ways.CLEAN).status_code == 200
    assert site.proxy.received[-1].body == ways.CLEAN


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_within_it_a_client_and_its_provider_agree_on_a_version_of_http(site: Site, version: str) -> None:
    answer = site.curl(site.ada).post(f"https://{OPEN}{CHAT}", ways.CLEAN, f"--http{version}")
    assert answer.status == 200, answer
    assert site.proxy.received[-1].http_version == version


def test_the_policy_holds_within_tls_to_the_proxy(site: Site) -> None:
    with site.client(site.ada) as client:
        answer = client.post(f"https://{OPEN}{CHAT}", content=ways.chat("ada@analytical-engines.org"))
        assert answer.status_code == 200
    assert b"EMAIL_ADDRESS_" in site.proxy.received[-1].body


def test_a_tunnel_within_tls_to_the_proxy_is_not_opened(site: Site) -> None:
    def tunnels() -> float:
        found = re.search(r"^outgate_tunnels_total (\S+)$", site.proxy.metrics(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = tunnels()
    for shown in (site.ada, None):
        ways.passes_unopened(site.curl(shown), site.proxy.received, "https://intranet.example")
    assert tunnels() == before + 2


def test_hosts_that_disagree_are_refused_within_it(site: Site) -> None:
    answer = site.curl(site.ada).post(f"https://{OPEN}{CHAT}", ways.CLEAN, "-H", f"Host: {MIRROR}")
    assert answer.status == 421


def test_plain_requests_within_it_are_judged_by_their_host(site: Site) -> None:
    asking = site.curl(site.ada)
    assert (
        asked_by("ada@corp.example", "laptop-7").encode() in asking.post(f"http://{MIRROR}{CHAT}", b"{}").body
    )
    ways.passes_unopened(asking, site.proxy.received, "http://intranet.example")


async def test_a_websocket_within_it_is_its_users(site: Site) -> None:
    outer = ssl.create_default_context(cafile=str(site.root))
    outer.load_cert_chain(site.ada)
    url = f"wss://{OPEN}/v1/realtime?model=gpt-realtime"
    async with connect(
        url, proxy=site.address, proxy_ssl=outer, ssl=site.proxy.ssl, open_timeout=30
    ) as client:
        await client.send(
            '{"type": "response.create", "response": {"instructions": "to ada@corp-two.example"}}'
        )
        await client.recv()
    assert eventually(
        lambda: any(event.websocket and event.user == "ada@corp.example" for event in site.proxy.events())
    )


@pytest.mark.parametrize("kind", ["of another authority", "too old", "with a forged issuer"])
def test_no_other_certificate_is_taken(site: Site, kind: str, tmp_path: Path) -> None:
    other = Authority(tmp_path, "clients" if kind == "with a forged issuer" else "others")
    old = kind == "too old"
    shown = (site.authority if old else other).issue(
        "ada@corp.example", "x", "research", days=-1 if old else 1
    )
    with pytest.raises(httpx.HTTPError), site.client(shown) as client:
        client.post(f"https://{OPEN}{CHAT}", content=ways.CLEAN)
    assert site.proxy.received == []


def test_a_revoked_certificate_is_taken_no_more(site: Site) -> None:
    shown = site.authority.issue("bo@corp.example", "desk-1", "staff")
    assert asked_by("bo@corp.example", "desk-1") in site.told(shown)
    site.revoked.write_bytes(site.authority.revoke(shown))

    def refused() -> bool:
        try:
            site.told(shown)
        except httpx.HTTPError:
            return True
        return False

    assert eventually(refused, 20)
    assert asked_by("ada@corp.example", "laptop-7") in site.told(site.ada)


def test_a_client_without_a_certificate_is_the_user_of_this_machine(site: Site) -> None:
    assert asked_by(getpass.getuser()) in site.told(None)
    with httpx.Client(proxy=site.proxy.url, verify=site.proxy.ssl, trust_env=False, timeout=30) as client:
        assert asked_by(getpass.getuser()) in client.post(f"https://{MIRROR}{CHAT}", content=ways.CLEAN).text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
def test_another_user_of_this_machine_is_another(site: Site, tmp_path: Path) -> None:
    asking = Path(shutil.copy(site.proxy.root, f"/tmp/outgate-test-{os.getpid()}.pem"))
    asking.chmod(0o644)
    try:
        command = ["curl", "-sS", "-m", "20", "--cacert", str(asking), "--proxy", site.proxy.url, "-d", "{}"]
        done = subprocess.run(
            [*command, f"https://{MIRROR}{CHAT}"], user="nobody", capture_output=True, timeout=30, check=False
        )
    finally:
        asking.unlink()
    assert asked_by("nobody").encode() in done.stdout, done.stderr


def test_a_new_certificate_is_shown_without_a_restart(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that cannot be used is told, and the old one stays."""
    settings = site.proxy.service.settings.tls
    assert settings
    before = settings.certificate.read_bytes(), settings.key.read_bytes()
    root, certificate, key = certificates(tmp_path)

    def shown(trusted: Path) -> bool:
        context = ssl.create_default_context(cafile=str(trusted))
        try:
            with socket.create_connection(site.proxy.service.addresses[0], timeout=10) as connection:
                context.wrap_socket(connection, server_hostname="localhost").close()
        except ssl.SSLCertVerificationError:
            return False
        return True

    try:
        settings.certificate.write_bytes(certificate.read_bytes())
        assert eventually(lambda: "are not a certificate and its key" in caplog.text, 20)
        assert shown(site.root) and not shown(root)
        settings.key.write_bytes(key.read_bytes())
        assert eventually(lambda: shown(root), 20)
        assert not shown(site.root)
    finally:
        settings.certificate.write_bytes(before[0])
        settings.key.write_bytes(before[1])
    assert eventually(lambda: shown(site.root), 20)
