"""macOS and Windows: every change against a small likeness of the programs that keep what they are told.

What the programs print is written down from their manuals. Whether these systems do as told, only they can show:
`test_setup` holds the command lines themselves.
"""

from __future__ import annotations

import base64
import hashlib
import json
import plistlib
import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.settings import Settings
from outgate.setup import macos, plan, windows
from outgate.setup.journal import Journal
from outgate.setup.machine import Done, Machine, System
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted


class Programs:
    """What they keep: a text by name. Unknown programs fail."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.broken: set[str] = set()

    def __call__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
        program, *rest = arguments[1:] if arguments[0] == "sudo" else arguments
        if program in self.broken:
            return Done(1, "", "broken")
        told = getattr(self, f"_{program}")(*rest)
        return Done(0, told, "") if told is not None else Done(1, "", "not found")

    # --- macOS ---

    def _security(self, verb: str, *rest: str) -> str | None:
        if verb == "add-trusted-cert":
            assert rest[:7] == (
                "-d",
                "-r",
                "trustRoot",
                "-p",
                "ssl",
                "-k",
                "/Library/Keychains/System.keychain",
            )
            self.kept["root"] = Path(rest[7]).read_text()
        elif verb == "delete-certificate":
            del self.kept["root"]
        elif "root" in self.kept:
            sha1 = sha1_of(self.kept["root"])
            head = "SHA-256 hash: AA\nSHA-1 hash: BB\nkeychain: x\n-----BEGIN CERTIFICATE-----\nx\n"
            return (
                f"{head}SHA-256 hash: {sha1}{sha1[:24]}\nSHA-1 hash: {sha1}\nkeychain: x\n{self.kept['root']}"
            )
        return ""

    def _networksetup(self, verb: str, network: str = "", value: str = "") -> str | None:
        url, switch = f"{network} url", f"{network} on"
        if verb == "-listallnetworkservices":
            return "An asterisk (*) denotes that a network service is disabled.\nWi-Fi\n*Bluetooth PAN\nUSB LAN\n"
        if verb == "-setautoproxyurl":
            self.kept |= {url: value.strip() or "(null)", switch: "Yes"}
        elif verb == "-setautoproxystate":
            self.kept[switch] = "Yes" if value == "on" else "No"
        return f"URL: {self.kept.get(url, '(null)')}\nEnabled: {self.kept.get(switch, 'No')}\n"

    def _launchctl(self, verb: str, domain: str, path: str = "") -> str | None:
        if verb == "bootstrap":
            self.kept["agent"] = Path(path).read_text()
        elif verb == "bootout":
            del self.kept["agent"]
        return self.kept.get("agent", "" if verb == "bootout" else None)

    def _id(self, *_: str) -> str:
        return "501\n"

    # --- Windows ---

    def _reg(self, verb: str, key: str, _: str, name: str, *rest: str) -> str | None:
        where = f"{key} {name}"
        if verb == "add":
            assert rest[:3] == ("/t", "REG_SZ", "/d")
            self.kept[where] = rest[3]
        elif verb == "delete":
            del self.kept[where]
            return "The operation completed successfully.\n"
        found = self.kept.get(where)
        return None if found is None else f"\r\n{key}\r\n    {name}    REG_SZ    {found}\r\n\r\n"

    def _setx(self, name: str, value: str) -> str:
        self.kept[rf"HKCU\Environment {name}"] = value[:1024]
        return ""

    def _certutil(self, user: str, verb: str, store: str, what: str) -> str:
        assert (user, store) == ("-user", "Root")
        if verb == "-addstore":
            self.kept["root"] = Path(what).read_text()
        else:
            assert what == sha1_of(self.kept.pop("root"))
        return ""

    def _powershell(self, *arguments: str) -> str | None:
        root = self.kept.get("root")
        return root and base64.b64encode(ssl.PEM_cert_to_DER_cert(root)).decode()

    def _netsh(self, _: str, verb: str, what: str, *rest: str) -> str:
        assert what == "advproxy"
        if verb == "set":
            self.kept["winhttp"] = rest[1].removeprefix("settings=")
        told = json.loads(self.kept.get("winhttp", "{}"))
        return "\nCurrent WinHTTP advanced proxy settings:\n\n" + json.dumps(
            {"ProxyIsEnabled": False, **told}, indent=2
        )

    def _schtasks(self, verb: str, *rest: str) -> str | None:
        if verb == "/Create":
            self.kept["task"] = Path(rest[3]).read_text()
        elif verb == "/Delete":
            return self.kept.pop("task")
        return self.kept.get("task")


def sha1_of(pem: str) -> str:
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()


class Elsewhere:
    """A machine of another system, whose files lie in a folder here."""

    def __init__(self, system: System, folder: Path) -> None:
        self.programs = Programs()
        self.settings = Settings(state_dir=folder / "state")
        ca.create(self.settings.ca_dir, Catalogue.load().constraint_names())
        environment = {"SHELL": "/bin/zsh", "USERDOMAIN": "LAPTOP", "USERNAME": "you"}
        self.machine = Machine(system, folder, environment, self.programs)
        self.wanted = Wanted.of(self.settings, self.machine, None)
        self.journal = Journal(folder / "state" / "setup" / "journal.json")

    def steps(self) -> tuple[Step, ...]:
        # A separator of Windows is part of a name here: files are where they are, all the same.
        if self.machine.system == "macos":
            return tuple(macos.steps(self.wanted, macos.Found.on(self.machine)))
        return tuple(windows.steps(self.wanted, windows.Found.on(self.machine)))

    def do(self) -> list[plan.Told]:
        return [told for step in self.steps() for told in plan.do(step, self.machine, self.journal)]

    def undo(self) -> list[plan.Told]:
        names = [step.name for step in reversed(self.steps())]
        return list(plan.undo(names, self.machine, self.journal))


@pytest.fixture(params=["macos", "windows"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Elsewhere:
    return Elsewhere(request.param, tmp_path)


def test_a_set_up_sets_all_once_and_its_undoing_puts_all_back(elsewhere: Elsewhere, tmp_path: Path) -> None:
    before = {
        "macos": {"USB LAN url": "http://old.example/x.pac", "USB LAN on": "No"},
        "windows": {r"HKCU\Environment HTTP_PROXY": "http://old.example:3128"},
    }[elsewhere.machine.system]
    elsewhere.programs.kept |= before
    files = sorted(tmp_path.rglob("*"))
    assert {told.state for told in elsewhere.do()} <= {"done", "same"}
    assert elsewhere.programs.kept["root"] == elsewhere.wanted.pem
    whole = dict(elsewhere.programs.kept)
    assert {told.state for told in elsewhere.do()} == {"same"}
    assert elsewhere.programs.kept == whole
    assert {told.state for told in elsewhere.undo()} == {"undone"}
    left = {name: value for name, value in elsewhere.programs.kept.items() if value not in ("(null)", "No")}
    if "winhttp" in left:  # empty settings are none
        assert not any(json.loads(left.pop("winhttp")).values())
    assert left == {name: value for name, value in before.items() if value != "No"}
    assert sorted(tmp_path.rglob("*")) == files


def test_a_program_that_fails_fails_its_step_alone(elsewhere: Elsewhere) -> None:
    program = {"macos": "networksetup", "windows": "reg"}[elsewhere.machine.system]
    steps = elsewhere.steps()
    elsewhere.programs.broken = {program}
    told = [item for step in steps for item in plan.do(step, elsewhere.machine, elsewhere.journal)]
    failed = {item.step for item in told if item.state == "failed"}
    assert "proxy" in failed
    assert {"system-store", "service"} <= {item.step for item in told if item.state == "done"}
    assert all(item.by_hand for item in told if item.state == "failed")


def test_a_value_that_is_cut_is_not_taken_for_set(tmp_path: Path) -> None:
    elsewhere = Elsewhere("windows", tmp_path)
    variable = windows.Variable(name="NO_PROXY", wanted="x" * 1025)
    step = Step("environment", "", (variable,))
    (told,) = plan.do(step, elsewhere.machine, elsewhere.journal)
    assert (told.state, "is not what it was set to" in told.text) == ("failed", True)
    assert elsewhere.programs.kept == {}


def test_the_launch_agent_and_the_task_start_the_proxy(tmp_path: Path) -> None:
    wanted = Elsewhere("macos", tmp_path).wanted
    agent = plistlib.loads(macos.agent(wanted).encode())
    assert tuple(agent["ProgramArguments"]) == wanted.command
    assert agent["RunAtLoad"] is True
    task = ElementTree.fromstring(windows.task_xml(wanted, "LAPTOP\\R&D <you>"))
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    assert task.findtext(f".//{space}Principal/{space}UserId") == "LAPTOP\\R&D <you>"
    assert task.findtext(f".//{space}Command") == wanted.command[0]
    assert re.fullmatch(r"-P -m outgate run", task.findtext(f".//{space}Arguments") or "")
