"""``outgate redact``: standard input to standard output, with everything that is found taken out."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--detect", multiple=True, metavar="NAME", help="Only this entity or group; may be repeated.")
def command(detect: tuple[str, ...]) -> None:
    """Copy standard input to standard output, sensitive data replaced by its kind. No network."""
    from outgate.cli.scan import enabled
    from outgate.dlp.engine import Engine
    from outgate.model import Action
    from outgate.transform.operators import replacement

    engine = Engine(enabled(detect))
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    pieces: list[str] = []
    position = 0
    for match in engine.scan([text])[0]:
        value = text[match.start : match.end]
        pieces += [text[position : match.start], replacement(Action.REDACT, match.entity, value, b"")]
        position = match.end
    pieces.append(text[position:])
    # Nothing is written before everything was scanned.
    sys.stdout.buffer.write("".join(pieces).encode("utf-8", "surrogateescape"))
