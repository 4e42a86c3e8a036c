"""``outgate scan``: what the detectors find in files, on standard input, or line by line for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from outgate.dlp.config import DetectorConfig
    from outgate.dlp.detector import Match
    from outgate.dlp.engine import Engine
    from outgate.model import Finding


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Findings as a JSON array, without the values.")
@click.option("--jsonl", is_flag=True, help='Read {"id","text"} lines, answer {"id","findings"} for each.')
@click.option("--detect", multiple=True, metavar="NAME", help="Only this entity or group; may be repeated.")
@click.pass_context
def command(
    context: click.Context, files: tuple[Path, ...], as_json: bool, jsonl: bool, detect: tuple[str, ...]
) -> None:
    """Find sensitive data in FILES, or in standard input. No policy, no network.

    Offsets are code points. Exit code 1 when something was found, 2 when input could not be read.
    """
    from outgate.dlp.engine import Engine
    from outgate.settings import Settings

    if jsonl and (files or as_json):
        raise click.UsageError(
            "--jsonl reads standard input and writes lines; it takes no FILES and no --json"
        )
    engine = Engine(enabled(detect), Settings.load().patterns_dir, "later")
    if jsonl:
        context.exit(2 if answer_lines(engine, sys.stdin.buffer, sys.stdout, sys.stderr) else 0)
    found = [row for name, text in _inputs(files) for row in rows(name, text, engine.scan([text])[0])]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        _print_table(found)
    else:
        click.echo("nothing found", err=True)
    context.exit(1 if found else 0)


def enabled(names: Iterable[str] = ()) -> DetectorConfig:
    """The named entities and groups, or all that can be found here; names left out are told on stderr."""
    from outgate.dlp import entities
    from outgate.dlp.config import DetectorConfig

    names = tuple(names)
    try:
        # How a text is written is no finding in a file, unless it is asked for.
        every = entities.known() - entities.groups()["disguise"]
        config = DetectorConfig(entities=entities.expand(names) if names else every)
    except entities.UnknownEntityError as error:
        raise click.UsageError(str(error)) from None
    missing = entities.missing(config)
    if missing and names:
        raise click.UsageError("; ".join(f"{name}: {why}" for name, why in missing.items()))
    if missing:
        click.echo(f"not looked for: {', '.join(missing)} ({next(iter(missing.values()))})", err=True)
    return DetectorConfig(entities=config.entities - missing.keys())


def answer_lines(engine: Engine, lines: Iterable[bytes], out: IO[str], errors: IO[str]) -> int:
    """One answer for each line, in order and at once; how many lines could not be read."""
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            text = item["text"]
            identity = item["id"]
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            # The line itself is not repeated: it may hold what we look for.
            errors.write(f'line {number}: an object with "id" and a string "text" is expected\n')
            bad += 1
            continue
        found = [
            {"start": match.start, "end": match.end, "entity": match.entity, "score": match.score}
            for match in engine.scan([text])[0]
        ]
        out.write(json.dumps({"id": identity, "findings": found}) + "\n")
        out.flush()
    return bad


def _inputs(files: tuple[Path, ...]) -> Iterable[tuple[str, str]]:
    if not files:
        yield "-", sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    for path in files:
        yield str(path), path.read_bytes().decode("utf-8", "surrogateescape")


def rows(name: str, text: str, matches: Iterable[Match | Finding]) -> Iterable[dict[str, Any]]:
    """Where in a text its matches (in order) are, never what they are; lines and columns count from 1."""
    line, counted = 1, 0
    for match in matches:
        line += text.count("\n", counted, match.start)
        counted = match.start
        yield {
            "file": name,
            "line": line,
            "column": match.start - text.rfind("\n", 0, match.start),
            "start": match.start,
            "end": match.end,
            "entity": match.entity,
            "score": match.score,
        }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "line", "column", "entity", "score", box=None)
    for row in rows:
        place = (row["file"], str(row["line"]), str(row["column"]))
        table.add_row(*place, row["entity"], f"{row['score']:.2f}")
    Console().print(table)
