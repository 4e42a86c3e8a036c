"""The file of roots for clients: what they trusted before, and ours."""

from __future__ import annotations

import re
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from outgate.catalogue import Catalogue
from outgate.cli.exec_ import environment
from outgate.gateway import ca, trust
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from providers.standin import certificates


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    ca.create(folder / "ca", Catalogue.load().constraint_names())
    return folder


@pytest.fixture
def settings(state: Path) -> Settings:
    return Settings(state_dir=state)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path)}


def roots_in(pem: bytes) -> set[bytes]:
    return {
        b"".join(block.split()) for block in re.findall(rb"-----BEGIN[^-]+-----[^-]+-----END[^-]+-----", pem)
    }


def test_the_bundle_holds_ours_the_systems_the_public_and_those_named_before(
    settings: Settings, given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    corporate, systems = certificates(tmp_path / "a")[0], certificates(tmp_path / "b")[0]
    monkeypatch.setattr(trust, "_SYSTEM_FILES", (str(systems),))
    held = roots_in(trust.bundle(settings, {**given, "REQUESTS_CA_BUNDLE": str(corporate)}).read_bytes())
    for file in (settings.ca_dir / ca.ROOT, Path(certifi.where()), corporate, systems):
        assert roots_in(file.read_bytes()) <= held
    extra = settings.model_copy(update={"extra_roots": (corporate,)})
    assert roots_in(corporate.read_bytes()) <= roots_in(trust.bundle(extra, given).read_bytes())


def test_no_root_is_there_twice_and_the_file_is_written_only_when_it_changes(
    settings: Settings, given: dict[str, str]
) -> None:
    bundle = trust.bundle(settings, given)
    content, written = bundle.read_bytes(), bundle.stat().st_mtime_ns
    assert content.count(b"-----BEGIN") == len(roots_in(content))
    again = trust.bundle(settings, {**given, "SSL_CERT_FILE": str(bundle)})  # within another exec
    assert (again, again.read_bytes(), again.stat().st_mtime_ns) == (bundle, content, written)
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_java_store_holds_the_same_roots(settings: Settings, given: dict[str, str]) -> None:
    bundle = trust.bundle(settings, given)
    store, password = trust.java_store(bundle)
    held = {
        entry.certificate
        for entry in pkcs12.load_pkcs12(store.read_bytes(), password.encode()).additional_certs
    }
    assert x509.load_pem_x509_certificate((settings.ca_dir / ca.ROOT).read_bytes()) in held
    assert len(held) > 100
    written = store.stat().st_mtime_ns
    assert trust.java_store(bundle)[0].stat().st_mtime_ns == written


def test_without_a_root_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ca.CaError, match="outgate ca init"):
        trust.bundle(Settings(state_dir=tmp_path), {})


def test_whether_the_system_trusts_a_root_is_seen_by_its_content(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = trust.root(settings)
    assert not trust.trusted_by_system(ours)
    store = tmp_path / "store.crt"
    store.write_bytes(b"# roots\n" + ours.replace(b"\n", b"\r\n"))
    monkeypatch.setattr(trust, "_SYSTEM_FILES", (str(store),))
    assert trust.trusted_by_system(ours)


# --- the environment -----------------------------------------------------------------------------


def test_what_goes_direct_is_kept_but_for_ai_hosts(
    settings: Settings, given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = "corp.example, *.openai.com,.anthropic.com,*,com,api.openai.com:443,eu.api.openai.com,10.0.0.0/8"
    variables = environment(settings, {**given, "no_proxy": before})
    assert variables["NO_PROXY"] == variables["no_proxy"] == "localhost,127.0.0.1,::1,corp.example,10.0.0.0/8"
    told = capsys.readouterr().err
    for entry in ("*.openai.com", ".anthropic.com", "*", "com", "api.openai.com:443", "eu.api.openai.com"):
        assert f"NO_PROXY: {entry} is left out" in told


def test_java_options_of_before_stay_and_paths_with_blanks_are_quoted(state: Path, tmp_path: Path) -> None:
    given = {"XDG_CACHE_HOME": str(tmp_path / "a b"), "JAVA_TOOL_OPTIONS": "-Xmx1g"}
    options = environment(Settings(state_dir=state, listen="0.0.0.0:3128", clients=["10.0.0.0/8"]), given)[
        "JAVA_TOOL_OPTIONS"
    ]
    assert options.startswith("-Xmx1g -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=3128 ")
    assert f'-Djavax.net.ssl.trustStore="{tmp_path}/a b/outgate/roots-' in options


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("127.0.0.1", 8080)),
        ({"listen": "[::]:3128"}, ("::1", 3128)),
        ({"listen": "10.1.2.3:3128"}, ("10.1.2.3", 3128)),
        ({"mode": ("socks5@1080", "regular@9000")}, ("127.0.0.1", 9000)),
        ({"mode": ("regular@[::1]:9000",)}, ("::1", 9000)),
    ],
)
def test_the_proxys_address_is_the_http_proxys(values: dict[str, object], expected: tuple[str, int]) -> None:
    assert Settings.model_validate(values).proxy_address == expected


def test_without_an_http_proxy_there_is_nothing_to_point_a_command_at(state: Path) -> None:
    with pytest.raises(SettingsError, match="Add `regular`"):
        environment(Settings(state_dir=state, mode=("socks5",)))
