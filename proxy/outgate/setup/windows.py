"""Windows: the user's own store of roots, WinINET and WinHTTP, the Task Scheduler."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from xml.sax.saxutils import escape

from outgate.setup.change import Change, File, FromFile, certificate
from outgate.setup.machine import Command, Machine, SetupError
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted, policy

_INTERNET = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_VARIABLES = r"HKCU\Environment"
_POLICIES = (r"HKLM\Software\Policies\Google\Chrome", r"HKLM\Software\Policies\Microsoft\Edge")
_TASK = "Outgate"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is on a machine that a step is for."""

    user: str

    @classmethod
    def on(cls, machine: Machine) -> Found:
        """Look."""
        domain, name = (machine.environment.get(part, "") for part in ("USERDOMAIN", "USERNAME"))
        return cls(user=f"{domain}\\{name}" if domain else name)

    @classmethod
    def typical(cls) -> Found:
        """What a dry run for another machine supposes."""
        return cls(user="LAPTOP\\you")


def steps(wanted: Wanted, found: Found) -> Iterator[Step]:
    """The steps after the CA's, in their order."""
    root = UserRoot(sha1=wanted.sha1, source=wanted.root, wanted=wanted.pem)
    yield Step(
        "system-store", "have Chrome, Edge, Firefox and all that uses your store of roots trust ours", (root,)
    )
    xml = f"{wanted.state}\\setup\\task.xml"
    task = (File(path=xml, wanted=task_xml(wanted, found.user)), Task(xml=xml, wanted="there"))
    yield Step("service", "start the proxy whenever you log in", task)
    roots = File(path=f"{wanted.state}\\setup\\roots.pem", wanted=wanted.roots)
    variables = (Variable(name=name, wanted=value) for name, value in wanted.variables.items())
    yield Step("environment", "tell programs of the proxy and its root", (roots, *variables))
    pac = RegistryValue(key=_INTERNET, name="AutoConfigURL", wanted=wanted.pac)
    yield Step("proxy", f"have Windows ask {wanted.pac} what goes through the proxy", (pac,))
    services = WinHttp(wanted=_written(wanted.pac))
    yield Step("winhttp", "have services of the machine (WinHTTP) ask it, too", (services,))
    if wanted.blocks:
        rule = json.dumps(policy(wanted.pac), separators=(",", ":"))
        keys = (RegistryValue(key=key, name="ProxySettings", root="yes", wanted=rule) for key in _POLICIES)
        yield Step(
            "browser-policy",
            "have browsers reach nothing rather than AI hosts directly when the proxy is not there to ask",
            tuple(keys),
        )


@dataclass(frozen=True, kw_only=True)
class UserRoot(FromFile):
    """Our root among the roots that this user trusts; Windows asks the user about it (certutil)."""

    sha1: str

    @property
    def told(self) -> str:
        return "the root in your store of roots"

    def read(self, machine: Machine) -> str | None:
        script = f"$c = Get-Item Cert:\\CurrentUser\\Root\\{self.sha1}; [Convert]::ToBase64String($c.RawData)"
        done = machine.ask("powershell", "-NoProfile", "-NonInteractive", "-Command", script)
        if done.code or not done.out.strip():
            return None
        return certificate(f"-----BEGIN CERTIFICATE-----\n{done.out.strip()}\n-----END CERTIFICATE-----\n")

    def add(self, path: str) -> tuple[Command, ...]:
        return (Command(("certutil", "-user", "-addstore", "Root", path)),)

    def remove(self) -> tuple[Command, ...]:
        return (Command(("certutil", "-user", "-delstore", "Root", self.sha1)),)


@dataclass(frozen=True, kw_only=True)
class RegistryValue(Change):
    """A text in the registry (reg.exe). ``root``: "yes" where an administrator has to set it."""

    key: str
    name: str
    root: str = ""
    why_root: ClassVar[str] = "it is a setting of the whole machine"

    @property
    def told(self) -> str:
        return f"{self.key} {self.name}"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask("reg", "query", self.key, "/v", self.name)
        if done.code in (126, 127):
            raise SetupError(done.err)
        for line in done.out.splitlines():
            name, _, rest = line.strip().partition("    ")
            kind, _, value = rest.strip().partition("    ")
            if name.lower() == self.name.lower() and kind.startswith("REG_"):
                return value.strip()
        return None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        root = bool(self.root)
        if value is None:
            return (Command(("reg", "delete", self.key, "/v", self.name, "/f"), root=root),)
        return (
            Command(("reg", "add", self.key, "/v", self.name, "/t", "REG_SZ", "/d", value, "/f"), root=root),
        )


@dataclass(frozen=True, kw_only=True)
class Variable(RegistryValue):
    """A variable of this user's environment. ``setx`` tells running programs that it changed, ``reg`` does not."""

    key: str = _VARIABLES

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return super().commands(None) if value is None else (Command(("setx", self.name, value)),)


def _written(pac: str) -> str:
    """WinHTTP's settings with this PAC file and nothing else."""
    settings = {"Proxy": "", "ProxyBypass": "", "AutoconfigUrl": pac, "AutoDetect": False}
    return json.dumps(settings, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class WinHttp(Change):
    """The machine's WinHTTP settings, as JSON ("netsh winhttp set advproxy", Windows 11 and Server 2022)."""

    why_root: ClassVar[str] = "services of the whole machine use it"

    @property
    def told(self) -> str:
        return "WinHTTP's settings"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask("netsh", "winhttp", "show", "advproxy")
        begin, end = done.out.find("{"), done.out.rfind("}")
        try:
            told = json.loads(done.out[begin : end + 1])
        except ValueError:
            raise SetupError("this Windows has no `netsh winhttp set advproxy`: --skip winhttp") from None
        texts = {name: str(told.get(name) or "") for name in ("Proxy", "ProxyBypass", "AutoconfigUrl")}
        settings = {**texts, "AutoDetect": bool(told.get("AutoDetect"))}
        return json.dumps(settings, separators=(",", ":")) if any(settings.values()) else None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        if value is None:
            value = _written("")
        command = ("netsh", "winhttp", "set", "advproxy", "setting-scope=machine", f"settings={value}")
        return (Command(command, root=True),)


@dataclass(frozen=True, kw_only=True)
class Task(Change):
    """Our task in the Task Scheduler (schtasks.exe), which is started as well."""

    xml: str

    @property
    def told(self) -> str:
        return f"the task {_TASK}"

    def read(self, machine: Machine) -> str | None:
        return "there" if machine.ask("schtasks", "/Query", "/TN", _TASK).code == 0 else None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        if value is None:
            end = Command(("schtasks", "/End", "/TN", _TASK), may_fail=True)
            return (end, Command(("schtasks", "/Delete", "/TN", _TASK, "/F")))
        create = Command(("schtasks", "/Create", "/TN", _TASK, "/XML", self.xml))
        return (create, Command(("schtasks", "/Run", "/TN", _TASK)))


def task_xml(wanted: Wanted, user: str) -> str:
    """The task (Task Scheduler schema 1.2): at logon, with this user's least rights, again when it fails."""
    program, *arguments = wanted.command
    return f"""\
<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Outgate, egress filter for LLM traffic</Description></RegistrationInfo>
  <Triggers><LogonTrigger><UserId>{escape(user)}</UserId></LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(arguments))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
