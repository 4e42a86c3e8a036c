"""A real set-up of a Linux machine, and its undoing: real stores, a real desktop's settings, a real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from outgate.gateway import ca
from outgate.setup import linux
from outgate.setup.wanted import Wanted
from programs import program
from unit.setup.conftest import Laptop, states

PAC = "http://127.0.0.1:9464/proxy.pac"


@pytest.fixture(autouse=True)
def needed() -> None:
    for name in ("certutil", "update-ca-certificates"):
        program(name)


def listed(laptop: Laptop, folder: Path) -> str:
    """The certificates of a database, with what they are trusted for."""
    return laptop.told("certutil", "-L", "-d", f"sql:{folder}")


def firefox(laptop: Laptop) -> Path:
    """A profile, with a certificate of another's in it."""
    profile = laptop.home / ".mozilla" / "firefox" / "abcd.default"
    profile.mkdir(parents=True)
    laptop.told("certutil", "-N", "-d", f"sql:{profile}", "--empty-password")
    other = next(Path("/etc/ssl/certs").glob("ISRG_Root_X1.pem"), None) or next(
        Path("/etc/ssl/certs").glob("*.pem")
    )
    laptop.told("certutil", "-A", "-d", f"sql:{profile}", "-n", "mine", "-t", "C,,", "-i", str(other))
    return profile


def test_a_set_up_is_whole_and_its_undoing_leaves_no_trace(laptop: Laptop) -> None:
    profile = firefox(laptop)
    before, certificates = laptop.tree(), listed(laptop, profile)
    steps = ("ca", "system-store", "browsers", "environment", "browser-policy")
    assert states(laptop.do(*steps)) == dict.fromkeys(steps, "done")

    root = (laptop.state / "ca" / ca.ROOT).read_text()
    assert root in (laptop.system / "certs" / "ca-certificates.crt").read_text()
    for folder in (profile, laptop.home / ".pki" / "nssdb"):
        assert "Outgate " in listed(laptop, folder)
    assert '"ProxyPacMandatory": true' in next((laptop.system / "policies").rglob("*.json")).read_text()
    variables = laptop.told("sh", "-c", '. "$HOME/.profile"; env')
    assert "HTTPS_PROXY=http://127.0.0.1:8080\n" in variables
    roots = laptop.state / "setup" / "roots.pem"
    assert f"REQUESTS_CA_BUNDLE={roots}\n" in variables
    assert root.replace("\n", "") in roots.read_text().replace("\n", "")
    assert (laptop.state / "setup" / "journal.json").stat().st_mode & 0o777 == 0o600
    assert all(item.state == "done" for item in laptop.session().states())

    whole = laptop.tree()
    assert states(laptop.do(*steps)) == dict.fromkeys(steps, "same")  # what is done is not done again
    assert laptop.tree() == whole

    assert states(laptop.undo()) == dict.fromkeys(steps, "undone")
    assert listed(laptop, profile) == certificates
    after = laptop.tree()
    for name in before:  # a database is what it lists: its pages move
        if name.startswith(str(profile.relative_to(laptop.folder)) + "/"):
            after[name] = before[name]
    assert after == before


def test_a_system_store_that_does_not_take_it_up_is_as_it_was(laptop: Laptop) -> None:
    before = laptop.tree()
    (laptop.folder / "tools" / "update-ca-certificates").write_text("#!/bin/sh\necho no room >&2; exit 1\n")
    told = [item for item in laptop.do("ca", "system-store") if item.step == "system-store"]
    assert [item.state for item in told] == ["failed"]
    assert "no room" in told[0].text
    assert any("install -D" in line for line in told[0].by_hand)
    assert "update-ca-certificates --fresh" in told[0].by_hand
    assert not any((laptop.system / "anchors").iterdir())
    laptop.undo()
    assert laptop.tree() == before


def test_a_step_that_cannot_be_done_is_told_and_the_others_go_on(laptop: Laptop) -> None:
    laptop.environment["PATH"] = str(laptop.folder / "tools")
    for name in ("sh", "mkdir"):
        (laptop.folder / "tools" / name).symlink_to(shutil.which(name) or name)
    told = laptop.do("ca", "browsers", "service", "environment")
    assert states(told) == {"ca": "done", "browsers": "failed", "service": "failed", "environment": "done"}
    (browsers,) = (item for item in told if item.step == "browsers")
    assert "libnss3-tools" in browsers.text
    assert any(line.startswith("certutil -A") for line in browsers.by_hand)
    assert "libnss3-tools" in browsers.text
    left = [item for item in laptop.session().states() if item.state == "open"]
    assert [item.step for item in left] == ["browsers", "service"]


def test_a_new_root_takes_the_place_of_the_old_one_everywhere(laptop: Laptop) -> None:
    before = laptop.tree()
    steps = ("ca", "system-store", "browsers", "environment")
    laptop.do(*steps)
    old = (laptop.state / "ca" / ca.ROOT).read_text()
    names = ca.check(laptop.state / "ca").names
    ca.rotate_root(laptop.state / "ca", sorted(names))
    assert {item.step for item in laptop.session().states() if item.state == "open"} == set(steps) - {"ca"}
    laptop.do(*steps)
    store = (laptop.system / "certs" / "ca-certificates.crt").read_text()
    assert old not in store
    assert (laptop.state / "ca" / ca.ROOT).read_text() in store
    assert listed(laptop, laptop.home / ".pki" / "nssdb").count("Outgate ") == 1
    told = laptop.undo()
    assert {item.step: item.state for item in told if item.step != "ca"} == dict.fromkeys(steps[1:], "undone")
    # The CA is another than the one that was made: it is the person's own by now.
    assert [item.state for item in told if item.step == "ca"] == ["left", "undone"]
    after = {name: facts for name, facts in laptop.tree().items() if not name.startswith("home/.local")}
    assert after == before


def test_a_database_that_something_else_has_come_to_be_in_stays(laptop: Laptop) -> None:
    laptop.do("ca", "browsers")
    database = laptop.home / ".pki" / "nssdb"
    other = laptop.folder / "other.pem"
    other.write_text(next(Path("/etc/ssl/certs").glob("ISRG*.pem")).read_text())
    laptop.told("certutil", "-A", "-d", f"sql:{database}", "-n", "mine", "-t", "C,,", "-i", str(other))
    told = laptop.undo("browsers")
    assert any("something else is in it" in item.text for item in told if item.state == "failed")
    assert "mine" in listed(laptop, database)
    assert "Outgate" not in listed(laptop, database)


# --- desktops ------------------------------------------------------------------------------------


def test_gnome_is_pointed_at_the_pac_file_and_back(desktop: object, laptop: Laptop) -> None:
    laptop.told("gsettings", "set", "org.gnome.system.proxy", "ignore-hosts", "['mine.example']")
    laptop.told("gsettings", "set", "org.gnome.system.proxy", "autoconfig-url", "'http://old.example/x.pac'")
    before = laptop.told("dconf", "dump", "/")
    assert states(laptop.do("ca", "proxy"))["proxy"] == "done"
    assert laptop.told("gsettings", "get", "org.gnome.system.proxy", "mode") == "'auto'\n"
    assert laptop.told("gsettings", "get", "org.gnome.system.proxy", "autoconfig-url") == f"'{PAC}'\n"
    assert states(laptop.undo())["proxy"] == "undone"
    assert laptop.told("dconf", "dump", "/") == before


def test_what_somebody_changed_on_the_desktop_since_is_left(desktop: object, laptop: Laptop) -> None:
    laptop.do("ca", "proxy")
    laptop.told("gsettings", "set", "org.gnome.system.proxy", "mode", "manual")
    told = laptop.undo("proxy")
    assert ["mode: changed since" in item.text for item in told if item.state == "left"] == [True]
    assert laptop.told("gsettings", "get", "org.gnome.system.proxy", "mode") == "'manual'\n"
    assert laptop.told("gsettings", "get", "org.gnome.system.proxy", "autoconfig-url") == "''\n"


def test_kde_is_pointed_at_the_pac_file_and_back(laptop: Laptop) -> None:
    program("kwriteconfig5")
    laptop.environment["XDG_CURRENT_DESKTOP"] = "KDE"
    empty = laptop.tree()
    laptop.do("ca", "proxy")
    file = laptop.home / ".config" / "kioslaverc"
    assert file.read_text() == f"[Proxy Settings]\nProxy Config Script={PAC}\nProxyType=2\n"
    laptop.undo()
    assert laptop.tree() == empty
    file.parent.mkdir()
    file.write_text("[Proxy Settings]\nProxyType=1\nhttpProxy=http://old.example 3128\n")
    before = laptop.tree()
    laptop.do("ca", "proxy")
    assert "ProxyType=2" in file.read_text() and "httpProxy" in file.read_text()
    laptop.undo()
    assert laptop.tree() == before


# --- the service ---------------------------------------------------------------------------------


def verified(laptop: Laptop, unit: Path) -> list[str]:
    """What systemd says of a unit."""
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--user", "--man=no", unit],
        env=laptop.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [line for line in done.stderr.splitlines() if unit.name in line] + ["failed"] * bool(
        done.returncode
    )


def test_the_unit_is_one_that_systemd_takes_and_is_enabled_and_disabled(laptop: Laptop) -> None:
    before = laptop.tree()
    told = laptop.do("ca", "service")
    unit = laptop.home / ".config" / "systemd" / "user" / "outgate.service"
    assert verified(laptop, unit) == []
    assert (unit.parent / "default.target.wants" / "outgate.service").is_symlink()
    # Here is no manager of a user's services that could start it.
    assert [item.by_hand for item in told if item.state == "failed"] == [
        ("systemctl --user start outgate.service",)
    ]
    laptop.undo()
    assert laptop.tree() == before


@pytest.mark.parametrize("folder", ["a b", "50%", "$HOME", "semi;colon"])
def test_the_units_command_is_the_one_meant_whatever_is_in_its_path(laptop: Laptop, folder: str) -> None:
    tool = laptop.folder / folder / "python"
    tool.parent.mkdir()
    tool.symlink_to("/bin/true")
    unit = laptop.folder / "outgate.service"
    unit.write_text(f"[Service]\nExecStart=:{linux._quoted(str(tool))}\n")
    assert verified(laptop, unit) == []
    tool.unlink()
    assert verified(laptop, unit) != []


def test_the_proxy_does_not_use_itself(laptop: Laptop) -> None:
    laptop.do("ca")
    wanted = Wanted.of(laptop.settings, laptop.machine, None)
    (line,) = (line for line in linux.unit(wanted).splitlines() if line.startswith("UnsetEnvironment="))
    assert set(line.partition("=")[2].split()) == set(wanted.variables)


# --- Java ----------------------------------------------------------------------------------------


def test_a_java_with_roots_of_its_own_trusts_ours_for_as_long_as_it_is_set_up(laptop: Laptop) -> None:
    keytool = Path(program("keytool")).resolve()
    home = laptop.folder / "jdk"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "keytool").symlink_to(keytool)
    store = home / "lib" / "security" / "cacerts"
    store.parent.mkdir(parents=True)
    (other,) = x509.load_pem_x509_certificates(next(Path("/etc/ssl/certs").glob("ISRG*.pem")).read_bytes())
    mine = pkcs12.PKCS12Certificate(other, b"mine")
    store.write_bytes(pkcs12.serialize_java_truststore([mine], BestAvailableEncryption(b"changeit")))
    laptop.environment["JAVA_HOME"] = str(home)
    laptop.environment["JAVA_TOOL_OPTIONS"] = (
        "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # to be started quickly
    )
    assert states(laptop.do("ca", "java"))["java"] == "done"
    root = x509.load_pem_x509_certificate((laptop.state / "ca" / ca.ROOT).read_bytes())
    assert trusted(store) == {other, root}
    assert states(laptop.undo())["java"] == "undone"
    assert trusted(store) == {other}


def trusted(store: Path) -> set[x509.Certificate]:
    """What a store of Java's holds."""
    held = pkcs12.load_pkcs12(store.read_bytes(), b"changeit")
    return {entry.certificate for entry in held.additional_certs}
