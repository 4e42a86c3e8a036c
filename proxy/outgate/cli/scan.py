"""``outgate scan``: what the detectors find in files, on standard input, or line by line for a program."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from outgate import __version__
from outgate.cli.scan_files import files_of, print_table, rows, sarif
from outgate.cli.scan_texts import reading

if TYPE_CHECKING:
    from outgate.attachments.config import ExtractorConfig
    from outgate.dlp.config import DetectorConfig
    from outgate.dlp.engine import Engine


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Findings as a JSON array, without the values.")
@click.option(
    "--sarif", "as_sarif", is_flag=True, help="Findings as SARIF 2.1.0, for code hosts and editors."
)
@click.option("--jsonl", is_flag=True, help='Read {"id","text"} lines, answer {"id","findings"} for each.')
@click.option("--detect", multiple=True, metavar="NAME", help="Only this entity or group; may be repeated.")
@click.option(
    "--locales",
    metavar="LIST",
    default="default",
    help="Countries whose numbers are looked for: codes such as us,uk,de, or eea, default, all.",
)
@click.pass_context
def command(
    context: click.Context,
    files: tuple[Path, ...],
    as_json: bool,
    as_sarif: bool,
    jsonl: bool,
    detect: tuple[str, ...],
    locales: str,
) -> None:
    """Find sensitive data in FILES and folders, or in standard input. No policy, no network.

    Of a folder all text files, documents and archives are read, and images where Tesseract is installed,
    but for those of version control and installed packages.

    Offsets are code points. Exit code 1 when something was found, 2 when input could not be read.
    """
    from outgate.dlp.engine import Engine
    from outgate.settings import Settings

    if as_json and as_sarif:
        raise click.UsageError("--json and --sarif are two formats; ask for one")
    if jsonl and (files or as_json or as_sarif):
        raise click.UsageError(
            "--jsonl reads standard input and writes lines; it takes no FILES and no other format"
        )
    config = enabled(detect, locales.replace(",", " ").split())
    settings = Settings.load()
    engine = Engine(config, settings.patterns_dir, "later")
    if jsonl:
        context.exit(2 if answer_lines(engine, sys.stdin.buffer, sys.stdout, sys.stderr) else 0)
    found, count = _scanned(engine, files, settings.extractor_config)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif as_sarif:
        click.echo(sarif(found, __version__))
    elif found:
        print_table(found)
    else:
        click.echo("nothing found" if count == 1 else f"nothing found in {count} files", err=True)
    context.exit(1 if found else 0)


def enabled(names: Iterable[str] = (), locales: Iterable[str] = ("default",)) -> DetectorConfig:
    """The named entities and groups, or all groups; names left out are told on stderr.

    ``locales``: the countries that groups are of.
    """
    from outgate.dlp import entities
    from outgate.dlp.config import DetectorConfig

    names = tuple(names)
    try:
        countries = entities.locales(locales)
        # How a text is written is no finding in a file, unless it is asked for.
        every = entities.groups().keys() - {"disguise"}
        config = DetectorConfig(entities=entities.expand(names or every, None, countries))
    except (entities.UnknownEntityError, entities.UnknownLocaleError) as error:
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


def _scanned(
    engine: Engine, paths: tuple[Path, ...], extraction: ExtractorConfig
) -> tuple[list[dict[str, Any]], int]:
    """The rows of all inputs, and how many files were read; on a terminal with progress on stderr."""
    if not paths:
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        return list(rows("-", text, engine.scan([text])[0])), 1
    from rich.console import Console
    from rich.progress import track

    skipped: list[tuple[Path, str]] = []
    files = list(files_of(paths, skipped))
    console = Console(stderr=True)
    shown = track(files, "Scanning", console=console, transient=True, disable=not console.is_terminal)
    found: list[dict[str, Any]] = []
    with reading(extraction, skipped) as texts_of:
        for file in shown:
            try:
                texts = texts_of(file)
            except OSError as error:
                raise click.FileError(str(file), error.strerror or "cannot be read") from None
            for place, text in texts:
                found += rows(str(file), text, engine.scan([text])[0], place)
    for reason, count in Counter(reason for _, reason in skipped).items():
        click.echo(f"not scanned: {count} ({reason})", err=True)
    return found, len(files)
