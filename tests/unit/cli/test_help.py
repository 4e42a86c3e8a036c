"""What ``--help`` says: every command has examples that it would take, and states its exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from outgate.cli import examples, outgate


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    if not isinstance(command, click.Group):
        yield path
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))


COMMANDS = sorted(leaves(outgate))
EXAMPLES = sorted({line for ending in examples.ENDINGS.values() for line in ending.examples})


def test_the_table_of_endings_is_of_the_commands_that_there_are() -> None:
    assert {" ".join(words) for words in COMMANDS} == set(examples.ENDINGS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_the_exit_codes(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(outgate, [*words, "--help"], prog_name="outgate")
    assert told.exit_code == 0
    assert re.search(rf"Examples:\n +.*outgate {' '.join(words)}\b", told.stdout)
    assert re.search(r"Exit codes: \S", told.stdout)
    assert "..." not in re.sub(r"\]\.\.\.|Usage:.*", "", told.stdout)


@pytest.mark.parametrize("group", ["policy", "ca", "audit"])
def test_a_group_lists_its_commands_in_whole_sentences_with_an_example_each(group: str) -> None:
    told = CliRunner().invoke(outgate, [group, "--help"], prog_name="outgate").stdout
    for _, *name in (words for words in COMMANDS if words[0] == group):
        assert re.search(rf"^  {name[0]} .*\.$", told, re.MULTILINE), name
        assert f"outgate {group} {name[0]}" in told


def take(line: str) -> None:
    """Let the command of a shell line read its arguments, and do nothing."""
    words = shlex.split(line.partition("| ")[2] or line)
    while words[-2:-1] and words[-2] in "<>":
        del words[-2:]
    for word in words:
        if "." in word and "/" not in word and not word.startswith("-"):
            Path(word).touch()  # whether files exist is looked at when arguments are read
    assert words.pop(0) == "outgate"
    command: click.Command = outgate
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    command.make_context(line, words)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_is_what_its_command_takes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    take(line)


def test_an_example_that_a_command_would_not_take_is_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        take("outgate ca init --no-such-option")
