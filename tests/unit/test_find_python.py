"""``.ci/find-python``: which Python it settles for, with folders of stubs for a PATH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_TOOLS = ("sh", "sed", "mktemp", "cat", "rm", "dirname", "mkdir", "cp")

# A Python that fits or not, and whose `-m venv` makes an environment with the stub of a `pip`.
_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-c "*version_info*) {fits} ;;
    "-c "*) echo "{path}" ;;
    "-m venv") mkdir -p "$3/bin"; cp "{path}.pip" "$3/bin/pip" ;;
esac
"""
_PIP = """#!/bin/sh
echo "$@" > {asked}
{does}
"""
_UV = """#!/bin/sh
case "$2" in
    install) {install} ;;
    find) echo {python} ;;
esac
"""


@dataclass
class Machine:
    """A machine on which only the stubs and what the script itself needs can be found."""

    folder: Path

    def python(self, where: str, *, fits: bool = True, runs: bool = True, pip: str = "exit 1") -> Path:
        """Put a stub Python at ``where``. One that does not run is a version manager's shim."""
        path = self.folder / where
        path.parent.mkdir(parents=True, exist_ok=True)
        code = _PYTHON.format(fits=f"exit {int(not fits)}", path=path)
        path.write_text(code if runs else "#!/bin/sh\nexit 127\n")
        beside = path.with_name(f"{path.name}.pip")
        beside.write_text(_PIP.format(asked=self.asked, does=pip))
        for file in (path, beside):
            file.chmod(0o755)
        return path

    def uv(self, where: str, *, python: Path, install: str = "exit 0") -> Path:
        path = self.folder / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_UV.format(install=install, python=python))
        path.chmod(0o755)
        return path

    @property
    def asked(self) -> Path:
        """What the last ``pip`` was asked for."""
        return self.folder / "asked"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def find(self, *path: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script; ``path`` are the folders before the tools on the PATH."""
        folders = [str(self.folder / name) for name in (*(path or ("bin",)), "tools")]
        environment = {"PATH": ":".join(folders), "HOME": str(self.folder), "TMPDIR": str(self.temporary)}
        return subprocess.run(
            ["sh", str(ROOT / ".ci" / "find-python")],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tmp").mkdir()
    for tool in _TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "tools" / tool).symlink_to(found)
    return Machine(tmp_path)


def found(done: subprocess.CompletedProcess[str], path: Path) -> bool:
    return done.returncode == 0 and done.stdout == f"{path}\n"


def test_the_version_that_is_tested_most_is_preferred(machine: Machine) -> None:
    for name in ("python3", "python3.12", "python3.14"):
        machine.python(f"bin/{name}")
    best = machine.python("bin/python3.13")
    assert found(machine.find(), best)


def test_a_shim_that_does_not_run_and_one_that_is_too_old_are_passed_over(machine: Machine) -> None:
    machine.python("bin/python3.13", runs=False)
    machine.python("bin/python3.14", runs=False)
    machine.python("bin/python3", fits=False)
    good = machine.python("bin/python")
    assert found(machine.find(), good)


def test_pyenvs_versions_are_found_by_its_variable_by_its_shims_and_at_home(machine: Machine) -> None:
    machine.python("elsewhere/shims/python3", runs=False)
    elsewhere = machine.python("elsewhere/versions/3.12.4/bin/python")
    assert found(machine.find("elsewhere/shims"), elsewhere)
    at_home = machine.python(".pyenv/versions/3.13.1/bin/python")
    assert found(machine.find(), at_home)
    named = machine.python("named/versions/3.14.0/bin/python")
    assert found(machine.find(PYENV_ROOT=str(machine.folder / "named")), named)


def test_an_installed_uv_brings_one(machine: Machine) -> None:
    brought = machine.python("brought/python3.13")
    machine.uv("bin/uv", python=brought)
    assert found(machine.find(), brought)
    assert not machine.asked.exists()


def test_without_uv_it_is_fetched_by_its_hash_into_a_folder_that_does_not_stay(machine: Machine) -> None:
    brought = machine.python("brought/python3.13")
    uv = machine.uv("made/uv", python=brought)
    machine.python("bin/python3", fits=False, pip=f'cp {uv} "$(dirname "$0")/uv"')
    assert found(machine.find(), brought)
    asked = machine.asked.read_text().split()
    assert "--require-hashes" in asked
    lock = Path(asked[asked.index("-r") + 1])
    assert lock.resolve() == ROOT / "requirements" / "bootstrap.lock"
    assert list(machine.temporary.iterdir()) == []


@pytest.mark.parametrize("case", ["nothing", "no uv to be had", "uv cannot fetch"])
def test_when_none_is_found_it_says_what_to_install(machine: Machine, case: str) -> None:
    if case == "no uv to be had":
        machine.python("bin/python3", fits=False)
    if case == "uv cannot fetch":
        machine.uv("bin/uv", python=machine.folder / "none", install="echo 'error: no network' >&2; exit 2")
    done = machine.find()
    assert (done.returncode, done.stdout) == (1, "")
    assert "Outgate needs Python 3.12, 3.13 or 3.14" in done.stderr
    assert "apt install python3.13 python3.13-venv" in done.stderr
    assert ("error: no network" in done.stderr) == (case == "uv cannot fetch")
    assert list(machine.temporary.iterdir()) == []


def test_the_lock_of_the_bootstrap_pins_uv_alone_by_hashes_and_names_no_address() -> None:
    text = (ROOT / "requirements" / "bootstrap.lock").read_text()
    names = [line.split("==")[0] for line in text.splitlines() if not line.startswith(" ")]
    assert names == ["uv"]
    assert text.count("--hash=sha256:") > 5
    assert "://" not in text


@pytest.mark.parametrize(
    ("version", "fits"),
    [((3, 11), False), ((3, 12), True), ((3, 13), True), ((3, 14), True), ((3, 15), False)],
)
def test_the_versions_that_the_locks_can_be_installed_on_are_what_fits(
    version: tuple[int, int], fits: bool
) -> None:
    script = (ROOT / ".ci" / "find-python").read_text()
    condition = next(line for line in script.splitlines() if line.startswith("fits()")).split("'")[1]
    code = f"import sys; sys.version_info = {(*version, 0, 'final', 0)}; {condition}"
    assert (subprocess.run([sys.executable, "-c", code], check=False).returncode == 0) == fits
