"""What holds of every set-up: that it is recorded before it is done, undone exactly, and said before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outgate.cli.setup import command
from outgate.settings import Settings
from outgate.setup import change, checkup, systems
from outgate.setup.change import Block, File
from outgate.setup.machine import Machine, SetupError
from outgate.setup.systems import NAMES
from unit.setup.conftest import Laptop, states

GOLDEN = Path(__file__).parent / "golden"
PLAIN = ("ca", "environment")  # steps that need no program


class Stopped(BaseException):
    """The machine was switched off."""


# --- stopped, changed, begun again ---------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_whatever_it_is_stopped_at_is_undone(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    before, written, stop = laptop.tree(), 0, 0
    write = change.replace

    def stopping(path: Path, text: str | None) -> None:
        nonlocal written
        if path.name == "journal.json":
            write(path, text)
            return
        written += 1
        if when == "after":
            write(path, text)
        if written == stop:
            raise Stopped
        if when == "before":
            write(path, text)

    while True:
        stop, written = stop + 1, 0
        with monkeypatch.context() as patched:
            patched.setattr(change, "replace", stopping)
            try:
                laptop.do(*PLAIN)
                break
            except Stopped:
                pass
        assert not [item for item in laptop.undo() if item.state != "undone"]
        assert laptop.tree() == before
    assert stop > 5
    laptop.undo()
    assert laptop.tree() == before


def test_a_ca_that_was_half_made_is_undone(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = laptop.tree()

    def stopping(*_: Any) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr("outgate.gateway.ca._sign", stopping)
        with pytest.raises(Stopped):
            laptop.do("ca")
    assert (laptop.state / "ca" / "root.key.pem").exists()
    laptop.undo()
    assert laptop.tree() == before


def test_what_somebody_changed_since_is_left_and_told(laptop: Laptop) -> None:
    laptop.do(*PLAIN)
    script = laptop.state / "setup" / "environment.sh"
    script.write_text("# mine now\n")
    with (laptop.home / ".bashrc").open("ab") as file:
        file.write(b"\n# added since\n")
    told = laptop.undo("environment")
    assert [item.text for item in told if item.state == "left"] == [
        f"{script}: changed since, by someone else: left as it is"
    ]
    assert script.read_text() == "# mine now\n"
    assert (laptop.home / ".bashrc").read_bytes() == b"# mine, without an end of line: \xff\n# added since\n"


def test_what_somebody_changed_since_is_what_a_second_set_up_puts_back(laptop: Laptop) -> None:
    laptop.do(*PLAIN)
    script = laptop.state / "setup" / "environment.sh"
    script.write_text("# mine now\n")
    assert states(laptop.do(*PLAIN))["environment"] == "done"
    assert "HTTPS_PROXY" in script.read_text()
    laptop.undo("environment")
    assert script.read_text() == "# mine now\n"


def test_what_was_set_so_before_is_not_taken_away(laptop: Laptop) -> None:
    laptop.do(*PLAIN)
    (laptop.state / "setup" / "journal.json").unlink()
    before = laptop.tree()
    assert set(states(laptop.do(*PLAIN)).values()) == {"same"}
    laptop.undo()
    assert laptop.tree() == before


def test_a_ca_that_was_there_stays(laptop: Laptop) -> None:
    laptop.do("ca")
    (laptop.state / "setup" / "journal.json").unlink()
    laptop.do(*PLAIN)
    laptop.undo()
    assert (laptop.state / "ca" / "root.pem").exists()


def test_a_file_of_dotfiles_that_is_a_link_stays_one(laptop: Laptop) -> None:
    kept = laptop.folder / "dotfiles"
    kept.write_text("# kept\n")
    (laptop.home / ".profile").symlink_to(kept)
    laptop.do(*PLAIN)
    assert (laptop.home / ".profile").is_symlink()
    assert "outgate" in kept.read_text()
    laptop.undo()
    assert kept.read_text() == "# kept\n"


def test_setting_up_anew_within_a_shell_that_is_set_up_changes_nothing(laptop: Laptop) -> None:
    laptop.environment |= {"NO_PROXY": "corp.example", "JAVA_TOOL_OPTIONS": "-Xmx1g"}
    laptop.do(*PLAIN)
    before = laptop.tree()
    for line in laptop.told("sh", "-c", '. "$HOME/.profile"; env').splitlines():
        name, _, value = line.partition("=")
        laptop.environment[name] = value
    assert laptop.environment["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -D")
    assert set(states(laptop.do(*PLAIN)).values()) == {"same"}
    assert laptop.tree() == before


def test_what_would_let_ai_traffic_past_is_left_out_and_told(laptop: Laptop) -> None:
    laptop.environment |= {
        "NO_PROXY": "corp.example,.openai.com",
        "HTTPS_PROXY": "http://proxy.corp.example:3128",
    }
    told = laptop.do(*PLAIN)
    warned = [item.text for item in told if item.state == "left"]
    assert ["NO_PROXY: .openai.com is left out" in text for text in warned] == [True, False]
    assert "parent: http://proxy.corp.example:3128" in warned[1]
    script = (laptop.state / "setup" / "environment.sh").read_text()
    assert "corp.example" in script and "openai" not in script


# --- the record ----------------------------------------------------------------------------------


def test_a_record_that_others_could_have_written_is_not_followed(laptop: Laptop) -> None:
    laptop.do(*PLAIN)
    journal = laptop.state / "setup" / "journal.json"
    journal.chmod(0o620)
    with pytest.raises(SetupError, match="others can write or read it"):
        laptop.undo()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 1}', '{"version": 2}', '{"version": 1, "steps": 0}']
)
def test_a_record_that_is_none_is_told(laptop: Laptop, text: str) -> None:
    laptop.do(*PLAIN)
    (laptop.state / "setup" / "journal.json").write_text(text)
    with pytest.raises(SetupError, match=r"journal\.json"):
        laptop.undo()


def test_a_record_names_no_command_and_holds_no_key(laptop: Laptop) -> None:
    laptop.do(*PLAIN, "system-store", "browser-policy")
    text = (laptop.state / "setup" / "journal.json").read_text()
    entries = json.loads(text)["entries"]
    fields = {name for entry in entries for name in entry["identity"]}
    assert fields == {"kind", "path", "then", "folder", "catalogue", "place", "mark", "source"}
    assert "update-ca" not in text and "PRIVATE" not in text
    as_root = [entry["identity"] for entry in entries if entry["identity"]["kind"] == "RootFile"]
    assert {(identity["place"], len(identity["mark"])) for identity in as_root} == {
        ("debian", 8),
        ("chromium", 8),
    }


@pytest.mark.parametrize("odd", [{"place": "/etc"}, {"mark": "../../sudoers"}, {"mark": ""}, {"mark": "x/y"}])
def test_a_record_reaches_no_file_of_roots_but_ours(laptop: Laptop, odd: dict[str, str]) -> None:
    laptop.do("ca", "system-store")
    journal = laptop.state / "setup" / "journal.json"
    content = json.loads(journal.read_text())
    content["entries"][1]["identity"] |= odd
    journal.write_text(json.dumps(content))
    asked = len(laptop.asked)
    (told,) = laptop.undo("system-store")
    assert (told.state, "no place of this version's" in told.text) == ("failed", True)
    assert laptop.asked[asked:] == []


@pytest.mark.parametrize(
    "identity", [{"kind": "NoSuch"}, {"kind": "File"}, {"kind": "File", "path": "x", "y": "z"}]
)
def test_a_thing_that_this_version_does_not_know_is_told_and_kept(
    laptop: Laptop, identity: dict[str, str]
) -> None:
    laptop.do("ca")
    journal = laptop.state / "setup" / "journal.json"
    content = json.loads(journal.read_text())
    content["entries"][0]["identity"] = identity
    journal.write_text(json.dumps(content))
    assert [item.state for item in laptop.undo()] == ["failed"]
    assert json.loads(journal.read_text())["entries"]


# --- files ---------------------------------------------------------------------------------------

ours = Block(path="", wanted=". env.sh\n")


@given(content=st.binary(max_size=200), lines=st.text(st.characters(codec="utf-8"), max_size=40))
@example(content=b"", lines="")
@example(content=Block.BEGIN.encode() + b"cut off", lines="x")
@settings(max_examples=30, deadline=None)
def test_lines_of_ours_come_and_go_and_every_other_byte_stays(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, lines: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "block"
    path.write_bytes(content)
    here = Machine("linux", path.parent)
    block = Block(path=str(path))
    if block.read(here) is not None:  # made up by chance
        return
    block.write(here, lines + "\n")
    assert block.read(here) == lines + "\n"
    assert path.read_bytes().endswith(content)
    block.write(here, "other\n")
    assert block.read(here) == "other\n"
    block.write(here, None)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_written_is_told(laptop: Laptop) -> None:
    (laptop.folder / "file").write_text("")
    with pytest.raises(SetupError, match="Not a directory"):
        File(path=str(laptop.folder / "file" / "x")).write(laptop.machine, "y")


# --- what it says --------------------------------------------------------------------------------


@pytest.mark.parametrize("system", NAMES)
def test_a_dry_run_for_a_system_says_each_file_and_command(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files beside this test are what a person gets to read: change them with what they show."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    done = CliRunner().invoke(command, ["--dry-run", "--system", system])
    assert done.exit_code == 0, done.output
    assert done.output == (GOLDEN / f"{system}.txt").read_text()
    assert [line.partition(":")[0] for line in done.output.splitlines() if line[0] != " "] == list(
        NAMES[system]
    )  # type: ignore[index]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def here(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """The laptop as this process's own machine, with settings of its own."""
    config = laptop.folder / "outgate.yaml"
    config.write_text(
        f"state_dir: {laptop.state}\nlisten: 127.0.0.1:8888\npac: {{when_unreachable: direct}}\n"
    )
    for name, value in laptop.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OUTGATE_CONFIG", str(config))
    monkeypatch.chdir(laptop.folder)
    yield laptop


def test_the_command_does_shows_tells_and_undoes(here: Laptop) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command, [*arguments, "--only", "ca", "--only", "environment"])
        assert not done.exception or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    before = here.tree()
    code, shown = run("--dry-run")
    assert code == 0
    assert "export HTTPS_PROXY=http://127.0.0.1:8888" in shown
    assert here.tree() == before
    assert run("--status")[0] == 1
    code, told = run()
    assert (code, [line.split()[:2] for line in told.splitlines()[:-1]]) == (
        0,
        [["ok", "ca"], ["ok", "environment"]],
    )
    assert run("--status")[0] == 0
    assert run("--dry-run")[1].count("(nothing to do)") == 2
    code, told = run("--undo", "--dry-run")
    assert (code, told.count("taken away")) == (0, 6)
    assert run("--undo") == (0, "ok    environment     5 changes\nok    ca              1 change\n")
    assert here.tree() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--undo", "--status"],
        ["--system", "macos"],
        ["--status", "--dry-run"],
        ["--only", "ca", "--skip", "ca"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(here: Laptop, arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


@pytest.mark.parametrize("step", ["no-such-step", "winhttp"])
def test_a_step_that_this_system_does_not_have_is_refused(here: Laptop, step: str) -> None:
    assert CliRunner().invoke(command, ["--only", step]).exit_code == 2


def test_it_is_not_run_by_sudo(laptop: Laptop) -> None:
    laptop.environment["SUDO_UID"] = "1000"
    for begun in (laptop.do, laptop.undo):
        with pytest.raises(SetupError, match="without sudo"):
            begun()


def test_doctor_tells_of_a_set_up_that_is_half_done_and_of_none_nothing(here: Laptop) -> None:
    assert list(checkup.checkup(here.settings)) == []
    assert set(states(here.do(*PLAIN)).values()) == {"done"}
    assert [result.state for result in checkup.checkup(here.settings)] == ["ok"]
    (here.state / "setup" / "environment.sh").unlink()
    (result,) = checkup.checkup(here.settings)
    assert result.state == "mend"
    assert re.search(r"half done: environment: \S+/environment\.sh\. Run `outgate setup` again", result.told)
    elsewhere = here.settings.model_copy(update={"listen": "0.0.0.0:8080"})
    (result,) = checkup.checkup(elsewhere)
    assert (result.state, "pac.proxies" in result.told) == ("mend", True)
    (here.state / "ca" / "mitmproxy-ca.pem").unlink()
    (result,) = checkup.checkup(here.settings)
    assert result.told.startswith("half done: ca: ")


def test_where_ai_hosts_may_be_reached_directly_browsers_are_not_told_otherwise(here: Laptop) -> None:
    lax = Settings.load()
    for system, names in NAMES.items():
        assert [step.name for step in systems.typical(here.settings, system)] == list(names)
        told = [step.name for step in systems.typical(lax, system)]
        assert told == [name for name in names if name != "browser-policy"]
