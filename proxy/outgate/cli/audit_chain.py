"""``outgate audit``: the log proved, signed for, erased from and given to other programs."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from outgate.audit import AuditError
from outgate.cli.audit_options import SINCE, AuditFiles, filters
from outgate.cli.options import json_option

if TYPE_CHECKING:
    from outgate.audit.checkpoint import Checkpoint
    from outgate.audit.erase import Person
    from outgate.audit.export import Format
    from outgate.audit.stored import Stored
    from outgate.audit.verify import Result
    from outgate.feedback.tables import Forgotten

_PATH = click.Path(path_type=Path)


@click.command(short_help="Whether the log is as it was written.")
@click.option("--public-key", type=_PATH, help="PEM of who signed it; default: this installation's key.")
@click.option("--checkpoint", "outside", type=_PATH, help="A checkpoint that was kept elsewhere.")
@click.option("--sink", metavar="NAME", help="The copy in this PostgreSQL sink instead.")
@click.option("--log", "log_id", metavar="HEX", help="With --sink: whose; default: this machine's.")
@SINCE
@json_option
@click.pass_obj
def verify(
    files: AuditFiles,
    public_key: Path | None,
    outside: Path | None,
    sink: str | None,
    log_id: str | None,
    since: datetime | None,
    as_json: bool,
) -> None:
    """Walk the chain of the log and tell which events were changed, removed, put in or moved.

    Ends with 0 when all is as it was written, with 1 when it is not, with 2 when that cannot be found out.
    """
    from outgate.audit.checkpoint import Checkpoint, public_keys_of
    from outgate.audit.signing import signer_of
    from outgate.audit.stored import stored
    from outgate.audit.verify import verify as walk

    if log_id is not None and sink is None:
        raise click.UsageError("--log is for --sink")

    if public_key is not None:
        keys = public_keys_of(_bytes(public_key), str(public_key))
    else:
        keys = signer_of(files.settings).public_keys
    expected = Checkpoint.of_text(_bytes(outside)) if outside is not None else None
    log = stored(files.log) if sink is None else _copy(files, sink, log_id)
    try:
        result = walk(log, keys, since=since, outside=expected, progress=_progress)
    finally:
        log.close()
    _done()
    if as_json:
        click.echo(json.dumps(_told(result)))
    else:
        _show(result)
    sys.exit(1 if result.problems else 0)


@click.command(short_help="The public key that the log is signed with.")
@click.pass_obj
def key(files: AuditFiles) -> None:
    """Print the public key that the log is signed with, and those before it, as PEM.

    Keep it where the log is verified, away from where it is written.
    """
    from outgate.audit.checkpoint import public_pem
    from outgate.audit.signing import signer_of

    for public in signer_of(files.settings).public_keys:
        click.echo(public_pem(public), nl=False)


@click.command(short_help="Print a signed statement of how far the log has come.")
@click.pass_obj
def checkpoint(files: AuditFiles) -> None:
    """Print a signed statement of how far the log has come, to be kept elsewhere.

    Whoever cuts the log, puts an older one in its place or rewrites it with the key in hand, does not fit it any
    more: `outgate audit verify --checkpoint FILE`.
    """
    click.echo(json.dumps(_signed_now(files).to_json(), indent=2))


@click.command(short_help="Forget a person.")
@click.option("--user", metavar="NAME", help="Whose events are meant.")
@click.option("--client", metavar="ADDRESS", help="Those from an address, or a network.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the log; without names.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(files: AuditFiles, user: str | None, client: str | None, reason: str, yes: bool) -> None:
    """Take out of the log, for good, who sent the events of a person: address, user, groups, device, fingerprints.

    What was sent where and what was done with it stays, and the log verifies as before. What the person said of it
    (`outgate feedback`, `justify`), and exceptions for that person alone, are removed.
    """
    from outgate.audit.erase import Person, check, erase
    from outgate.audit.signing import signer_of

    person = Person(user or None, client or None)
    check(person, reason)
    if not yes:
        click.confirm("This cannot be undone. Erase?", abort=True, err=True)
    try:
        signer = signer_of(files.settings)
        said = _forget(files, person)  # first: it is told of by what the log is about to lose
        count = erase(files.log, person, reason, signer)
    except OSError as error:
        raise AuditError(f"{files.log}: {error.strerror}") from None
    click.echo(f"{count} events tell of nobody any more.")
    if any(said):
        click.echo("{} reports, {} reasons and {} exceptions of theirs are gone.".format(*said))


@click.command(short_help="Events for other programs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("jsonl", "csv", "ocsf")),
    default="jsonl",
    show_default=True,
    help="JSON lines, CSV, or OCSF 1.6.0.",
)
@click.option(
    "-o", "--output", type=_PATH, help="A file, which must not be there yet; default: standard output."
)
@filters
@click.pass_obj
def export(files: AuditFiles, /, form: Format, output: Path | None, **wanted: Any) -> None:
    """Give events to other programs, oldest first."""
    from outgate.audit.export import export
    from outgate.audit.read import Filter, reader_of

    reader = reader_of(files.log)
    try:
        with _target(output) as target:
            for line in export(reader.select(Filter(**wanted)), form):
                target.write(line + "\n")
    finally:
        reader.close()


COMMANDS = (verify, key, checkpoint, erase, export)


def _forget(files: AuditFiles, person: Person) -> Forgotten:
    """Remove what a person said. Raises AuditError, FeedbackError, OSError."""
    from outgate.audit.read import Filter, reader_of
    from outgate.cli.asking import store_of

    reader = reader_of(files.log)
    try:  # what a user said from an address is by the user's name
        references = person.references(reader.select(Filter())) if person.client else ()
    finally:
        reader.close()
    store = store_of(files.settings)
    try:
        return store.forget(person.test(), references)
    finally:
        store.close()


def _copy(files: AuditFiles, name: str, log_id: str | None) -> Stored:
    """The copy of a log in a PostgreSQL sink. Raises AuditError."""
    from outgate.audit.remote.forwarding import copy_of
    from outgate.audit.stored import stored

    if log_id is None:
        own = stored(files.log)
        try:
            first = own.after(0, 1)
        finally:
            own.close()
        if not first:
            raise AuditError(f"{files.log}: there is no event yet; name a log with --log")
        return copy_of(files.settings, name, first[0].log)
    if not re.fullmatch(r"[0-9a-f]{32}", log_id):
        raise AuditError(f"{log_id!r} is no log's id: 32 hexadecimal digits")
    return copy_of(files.settings, name, bytes.fromhex(log_id))


def _signed_now(files: AuditFiles) -> Checkpoint:
    from outgate.audit.checkpoint import EVENTS
    from outgate.audit.signing import signer_of
    from outgate.audit.stored import stored

    signer = signer_of(files.settings)
    log = stored(files.log)
    try:
        known = max(log.checkpoints(), key=lambda one: one.seq, default=None)
        head = known.head if known else None
        while newer := log.after(head.seq if head else 0, EVENTS):
            head = newer[-1].head
    finally:
        log.close()
    if head is None:
        raise AuditError(f"{files.log}: there is no event yet")
    return signer.sign(head)


def _show(result: Result) -> None:
    if result.entries:
        click.echo(f"{result.entries} events, {result.first} to {result.last}")
    if result.unchained:
        click.echo(f"{result.unchained} events of before the chain began, which nothing vouches for")
    if result.erased:
        click.echo(f"{result.erased} events of people who were forgotten")
    if result.signed is not None:
        tail = f"; {result.unsigned} came after it" if result.unsigned else ""
        click.echo(f"signed at {result.signed.time} up to event {result.signed.seq}{tail}")
    for problem in result.problems:
        click.secho(problem, fg="red")
    if result.more:
        click.secho(f"and {result.more} more", fg="red")
    if not result.problems:
        click.secho("The log is as it was written.", fg="green")


def _told(result: Result) -> dict[str, Any]:
    told = dataclasses.asdict(result)
    told["signed"] = result.signed.to_json() if result.signed else None
    return told | {"unsigned": result.unsigned, "whole": not result.problems}


def _progress(done: int) -> None:
    if done and sys.stderr.isatty():
        click.echo(f"\r{done} events", err=True, nl=False)


def _done() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """Where to write: a file of ours alone, or standard output."""
    if output is None:
        yield sys.stdout
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AuditError(f"{output}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        yield stream


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(2**20)
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}") from None
