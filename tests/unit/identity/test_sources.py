"""Who is believed, in which order, and what is known of them besides."""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier
from pydantic import ValidationError

from outgate.identity import certificates, directory, local_user
from outgate.identity.evidence import NOBODY, Evidence, IdentityError, Known, read_credentials
from outgate.identity.sources import Sources
from outgate.model import Facts, Identity, Provider
from outgate.policy import load
from outgate.settings import Settings
from outgate.settings.identity import CertificateRule, IdentitySettings, Source
from outgate.settings.sections import SettingsError

HERE, FRONT, FAR = ip_address("10.1.2.3"), ip_address("10.9.0.1"), ip_address("192.0.2.1")


def basic(user: str, secret: str) -> Any:
    return read_credentials("Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode())


@pytest.fixture
def users(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "users"
    path.write_text(f"ada:{bcrypt.hashpw(b'engine', bcrypt.gensalt(4)).decode()}\n")
    path.chmod(0o600)
    return {"htpasswd": str(path)}


HEADER = {"header": {"networks": ["10.9.0.0/24"], "groups": "X-Groups", "device": "X-Device"}}
NETWORKS = {
    "networks": {"10.0.0.0/8": {"groups": ["office"]}, "10.1.0.0/16": {"user": "lab", "device": "bench"}}
}


async def known(evidence: Evidence, *sources: dict[str, Any], **more: Any) -> Identity | str:
    """Who it is, or why not."""
    asked = Sources(IdentitySettings.model_validate({"sources": sources, **more}))
    found = await asked.identify(evidence)
    asked.close()
    return asked.completed(found.identity) if isinstance(found, Known) else found.kind


async def test_the_first_that_knows_decides(users: dict[str, str]) -> None:
    evidence = Evidence(HERE, local_user="root", credentials=basic("ada", "engine"))
    assert await known(evidence, users, NETWORKS) == Identity("ada")
    assert await known(evidence, NETWORKS, users) == Identity("lab", (), "bench")
    assert await known(evidence, {"local": True}, users) == Identity("root")
    assert await known(replace(evidence, credentials=None), users, NETWORKS) == Identity("lab", (), "bench")


async def test_nobody_gets_in_by_another_door_after_a_wrong_password(users: dict[str, str]) -> None:
    wrong = Evidence(HERE, local_user="root", credentials=basic("ada", "x"))
    assert await known(wrong, users, NETWORKS, {"local": True}) == "password"
    assert await known(replace(wrong, credentials=None, unreadable=True), users, NETWORKS) == "malformed"


async def test_nobody_is_somebody_only_where_that_is_enough(users: dict[str, str]) -> None:
    assert await known(Evidence(FAR), users, NETWORKS) == NOBODY.identity
    assert await known(Evidence(FAR), users, NETWORKS, required=True) == "missing"


async def test_credentials_that_nobody_checks_make_nobody() -> None:
    assert (
        await known(Evidence(FAR, credentials=basic("ada", "engine")), NETWORKS, required=True) == "missing"
    )


async def test_of_networks_the_smallest_counts_and_of_an_address_only_one_that_cannot_be_chosen() -> None:
    assert await known(Evidence(HERE), NETWORKS) == Identity("lab", (), "bench")
    assert await known(Evidence(ip_address("10.200.0.1")), NETWORKS) == Identity(None, ("office",))
    assert await known(Evidence(HERE, placed=False), NETWORKS) == Identity()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-forwarded-user": ("eve",)}, Identity("eve")),
        ({"x-forwarded-user": ("eve",), "x-groups": ("a, b", "c,,a")}, Identity("eve", ("a", "b", "c"))),
        ({"x-forwarded-user": ("eve",), "x-device": ("desk",)}, Identity("eve", (), "desk")),
        ({"x-forwarded-user": ("eve", "ada")}, "header"),
        ({"x-forwarded-user": ("eve", "eve")}, "header"),
        ({"x-forwarded-user": ("eve",), "x-device": ("desk", "bench")}, "header"),
        ({"x-forwarded-user": ("e\0ve",)}, "header"),
        ({"x-forwarded-user": ("",)}, Identity()),
        ({"x-groups": ("a",)}, Identity()),
        (None, Identity()),
    ],
)
async def test_a_proxy_in_front_says_it_once(headers: Any, expected: Identity | str) -> None:
    assert await known(Evidence(FRONT, headers=headers), HEADER) == expected
    assert await known(Evidence(FAR, headers=headers), HEADER) == Identity()
    assert await known(Evidence(FRONT, placed=False, headers=headers), HEADER) == Identity()


async def test_a_directory_file_adds_groups_and_a_device(users: dict[str, str], tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("lab: {groups: [bench-users, office], device: other}\nada: {groups: research}\n")
    more = {"directory": {"file": str(people)}}
    assert await known(Evidence(HERE), NETWORKS, **more) == Identity(
        "lab", ("bench-users", "office"), "bench"
    )
    credentials = basic("ada", "engine")
    assert await known(Evidence(FAR, credentials=credentials), users, **more) == Identity(
        "ada", ("research",)
    )


async def test_a_changed_directory_counts_for_who_is_known_already(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("user,groups\nlab,research\n")
    sources = Sources(
        IdentitySettings.model_validate({"sources": [NETWORKS], "directory": {"file": str(people)}})
    )
    found = await sources.identify(Evidence(HERE))
    assert isinstance(found, Known)
    assert sources.completed(found.identity).groups == ("research",)
    people.write_text("user,groups\nlab,staff;none\n")
    for watched in sources.watched:
        watched.look()
    assert sources.completed(found.identity).groups == ("staff", "none")


async def test_a_directory_server_that_is_out_lets_nobody_through_without_the_groups() -> None:
    """Or a rule about the groups would not be one."""
    server = {"ldap": {"url": "ldaps://localhost:1", "base": "dc=x", "timeout": 1}}
    assert await known(Evidence(HERE), NETWORKS, directory=server) == "unavailable"
    credentials = Evidence(FAR, credentials=basic("ada", "engine"))
    assert await known(credentials, server) == "unavailable"


# --- directory files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("people.yaml", "ada: [a]\n", ":1: `groups` and `device`"),
        ("people.yaml", "ada: {groups: [a]}\nbo: {group: a}\n", ":2: `groups` and `device`"),
        ("people.yaml", "ada: {}\nada: {}\n", ":2"),
        ("people.yaml", "- ada\n", ":1: a mapping is expected"),
        ("people.yaml", "ada: {groups: [7]}\n", ":1: not a group's name"),
        ("people.yaml", 'ada: {device: "a\\nb"}\n', ":1: not a device's name"),
        ("people.yaml", "ada: {groups: [\n", "not valid YAML"),
        ("people.csv", "name,groups\nada,a\n", ":1: user,groups,device is expected"),
        ("people.csv", "", ":1: user,groups,device is expected"),
        ("people.csv", "user,groups\nada,a,b\n", ":2: 3 columns instead of 2"),
        ("people.csv", "user,groups\nada,a\nada,b\n", ":3: ada stands in an earlier line"),
        ("people.csv", "user,groups\n,b\n", ":2: not a user's name"),
    ],
)
def test_a_bad_directory_file_is_told_with_its_line(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(IdentityError) as error:
        directory.read(path)
    assert f"{path}" in error.value.message and problem in error.value.message


def test_a_directory_file_that_others_can_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("user\nada\n")
    path.chmod(0o666)
    with pytest.raises(IdentityError, match="others can change it"):
        directory.read(path)


# --- certificates --------------------------------------------------------------------------------


def certificate(*names: x509.GeneralName, **subject: str) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    oids = {"CN": NameOID.COMMON_NAME, "UID": NameOID.USER_ID, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    made = x509.Name([x509.NameAttribute(oids[name], value) for name, value in subject.items()])
    builder = x509.CertificateBuilder().subject_name(made).issuer_name(made).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def upn(value: str) -> x509.OtherName:
    return x509.OtherName(
        ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), bytes([12, len(value)]) + value.encode()
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("subject.CN", "ada"),
        ("subject.UID", "a1"),
        ("san.email", "ada@corp.example"),
        ("san.dns", "laptop-7.corp.example"),
        ("san.uri", "spiffe://corp.example/ada"),
        ("san.upn", "ada@ad.corp.example"),
        ("subject.O", None),
    ],
)
def test_a_certificate_names_a_user_where_the_rule_looks(field: Any, expected: str | None) -> None:
    shown = certificate(
        x509.RFC822Name("ada@corp.example"),
        x509.DNSName("laptop-7.corp.example"),
        x509.UniformResourceIdentifier("spiffe://corp.example/ada"),
        upn("ada@ad.corp.example"),
        CN="ada",
        UID="a1",
        OU="research",
    )
    found = certificates.named(shown, CertificateRule(user=field, groups="subject.OU"))
    assert (found.identity if found else None) == (Identity(expected, ("research",)) if expected else None)


def test_a_certificate_of_two_names_or_of_none_names_nobody() -> None:
    two = certificate(x509.RFC822Name("ada@corp.example"), x509.RFC822Name("bo@corp.example"), CN="x")
    assert certificates.named(two, CertificateRule(user="san.email")) is None
    assert certificates.named(certificate(CN="x"), CertificateRule(user="san.email")) is None
    assert certificates.named(two, CertificateRule(user="san.email", device="subject.CN")) is None
    device = certificates.named(two, CertificateRule(device="subject.CN"))
    assert device is not None and device.identity == Identity(None, (), "x")


# --- users of this machine -----------------------------------------------------------------------

_LINE = (
    "   0: 0100007F:C350 0100007F:1F90 {state} 00000000:00000000 00:00000000 00000000  {uid}  0 {inode} 1 0"
)


@pytest.mark.parametrize(
    ("state", "uid", "inode", "expected"),
    [
        ("01", "1000", "77", 1000),
        ("02", "1000", "77", 1000),
        ("06", "0", "0", None),
        ("01", "0", "0", None),
        ("04", "0", "0", None),
    ],
)
def test_a_connection_that_its_client_has_given_up_is_nobodys_and_not_roots(
    state: str, uid: str, inode: str, expected: int | None
) -> None:
    wanted = {("0100007F:C350", "0100007F:1F90")}
    lines = ["  sl  local_address rem_address ...", _LINE.format(state=state, uid=uid, inode=inode)]
    assert local_user._owner(lines, wanted) == expected


@pytest.mark.skipif(sys.byteorder != "little", reason="words are in the machine's order")
def test_addresses_are_spelled_as_the_kernel_does() -> None:
    assert local_user._spelled(("127.0.0.1", 8080), False) == "0100007F:1F90"
    assert local_user._spelled(("127.0.0.1", 8080), True) == "0000000000000000FFFF00000100007F:1F90"
    assert local_user._spelled(("::ffff:127.0.0.1", 1), False) == "0100007F:0001"
    assert local_user._spelled(("::1", 80), True) == "00000000000000000000000001000000:0050"


def test_a_user_without_a_name_has_a_number() -> None:
    assert local_user.name_of(987_654) == "987654"
    assert local_user.name_of(0) == "root"


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "problem"),
    [
        ({"required": True}, "nobody can be known without"),
        ({"sources": [{}]}, "is expected, not 0 of them"),
        ({"sources": [{"local": True, "htpasswd": "x"}]}, "is expected, not 2 of them"),
        ({"sources": [{"certificate": {"user": "san.email"}}]}, "`tls.client_ca`"),
        ({"sources": [{"certificate": {}}]}, "`user` or `device`"),
        ({"sources": [{"header": {"networks": []}}]}, "networks"),
        (
            {"sources": [{"header": {"networks": ["10.0.0.0/8"], "user": "Authorization"}}]},
            "not the name of a header",
        ),
        ({"sources": [{"ldap": {"url": "http://x", "base": "x"}}]}, "is not ldaps://"),
        ({"sources": [{"ldap": {"url": "ldap://x", "base": "x", "plain": True}}]}, "in the clear"),
        ({"sources": [{"ldap": {"url": "ldap://x", "base": "x", "filter": "(uid=ada)"}}]}, "is not a filter"),
        ({"sources": [{"ldap": {"url": "ldap://x", "base": "x", "bind_dn": "y"}}]}, "belong together"),
        ({"sources": [{"tokens": {"issuer": "x", "audience": ["y"]}}]}, "one of `jwks_url`"),
        ({"sources": [{"tokens": {"issuer": "x", "audience": [], "jwks_file": "z"}}]}, "audience"),
        ({"sources": [{"tokens": {"issuer": "x", "audience": ["y"], "jwks_url": "http://z/"}}]}, "https://"),
        ({"sources": [{"tokens": {"issuer": "x", "audience": ["y"], "jwks_url": "file:///z"}}]}, "https://"),
        (
            {
                "sources": [
                    {"tokens": {"issuer": "x", "audience": ["y"], "jwks_file": "z", "algorithms": ["HS256"]}}
                ]
            },
            "algorithms",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(identity: dict[str, Any], problem: str) -> None:
    with pytest.raises((SettingsError, ValidationError)) as error:
        Settings.load(None, identity=identity)
    assert problem in str(error.value)


def test_the_settings_of_the_documentation_are_settings() -> None:
    text = (Path(__file__).parents[3] / "docs" / "identity.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    named = {
        name
        for block in blocks
        for source in Settings.model_validate(yaml.safe_load(block)).identity.sources
        for name in source.model_fields_set
    }
    assert named == set(Source.model_fields)


def test_a_rule_for_all_but_a_group_holds_for_who_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nrules: [{name: r, when: {host: '*'}, unless: {identity.groups: [research]}, action: block}]\n"
    )
    (rule,) = load((tmp_path / "policy.yaml",)).rules
    provider = Provider("acme", "Acme", "Acme Inc.", "FR", "api")
    unknown = Facts(
        provider=provider,
        region=None,
        model=None,
        model_origin=None,
        host="api.acme.example",
        path="/",
        method="POST",
        identity=Identity(),
        client=HERE,
        time=datetime.now(UTC),
    )
    assert rule.applies(unknown)
    assert not rule.applies(replace(unknown, identity=Identity("ada", ("research",))))


def test_paths_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "outgate.yaml").write_text(
        "identity: {sources: [{htpasswd: users}], directory: {file: people.csv}}\n"
        "tls: {certificate: a.pem, key: /keys/a.key}\n"
    )
    settings = Settings.load(tmp_path / "outgate.yaml")
    assert settings.identity.sources[0].htpasswd == tmp_path / "users"
    assert settings.identity.directory.file == tmp_path / "people.csv"
    assert settings.tls and settings.tls.certificate == tmp_path / "a.pem"
    assert settings.tls.key == Path("/keys/a.key")
