"""What somebody who can write to the log does to it, and what is told of it."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_events import event, name_of
from audit_logs import Log, by, lines, query, run

from outgate.audit import AuditError
from outgate.audit.chain import Entry, Sealed
from outgate.audit.checkpoint import Signer
from outgate.audit.erase import Person, erase
from outgate.audit.read import Filter, reader_of
from outgate.audit.remote.sink import values_of
from outgate.audit.stored import stored


def test_a_log_that_nobody_touched_is_whole(log: Log) -> None:
    log.write(*map(event, range(30)))
    log.write(*map(event, range(30, 40)), finish=False)
    result = log.verify()
    assert result.problems == []
    assert (result.entries, result.first, result.last, result.unsigned) == (40, 1, 40, 10)


CHANGED = (
    "UPDATE entries SET public = replace(public, '\"status\":403', '\"status\":200') WHERE seq = 5",
    lambda found: [*found[:4], found[4].replace(b'"status":403', b'"status":200'), *found[5:]],
)
PERSON = (
    "UPDATE entries SET personal = replace(personal, 'ann', 'bob') WHERE seq = 5",
    lambda found: [*found[:4], found[4].replace(b'"user":"ann"', b'"user":"bob"'), *found[5:]],
)
REMOVED = ("DELETE FROM entries WHERE seq = 5", lambda found: [*found[:4], *found[5:]])
FIRST = ("DELETE FROM entries WHERE seq = 1", lambda found: found[1:])
CUT = ("DELETE FROM entries WHERE seq > 8", lambda found: found[:8])
STRIPPED = (
    "UPDATE entries SET personal = NULL, salt = NULL WHERE seq = 5",
    lambda found: [*found[:4], re.sub(rb',"personal":.*"(?=,"chain")', b"", found[4]), *found[5:]],
)


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        (CHANGED, r"event 5 \(og_0{15}4\) was changed"),
        (PERSON, r"event 5 \(og_0{15}4\) was changed"),
        (REMOVED, "event 5 was removed"),
        (FIRST, "event 1 was removed"),
        (CUT, "the end was cut"),
        (STRIPPED, "event 5 was stripped of who it was, and no erasure tells of it"),
    ],
)
def test_what_was_done_to_an_event_is_told_of_this_event(
    log: Log, tampering: tuple[str, Callable[[list[bytes]], list[bytes]]], told: str
) -> None:
    log.write(*(by(number, "ann") for number in range(10)))
    statement, change = tampering
    if log.path.suffix == ".sqlite":
        query(log, "DELETE FROM findings", statement)
        expected = [text for text in log.verify().problems if "what queries look for" not in text]
    else:
        lines(log, change)
        expected = log.verify().problems
    assert expected and all(re.match(told, text) for text in expected), expected


def test_an_end_that_no_checkpoint_covers_and_that_was_cut_is_told(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(10)))
    log.write(*map(event, range(10, 15)), finish=False)
    query(log, "DELETE FROM entries WHERE seq > 12", "DELETE FROM findings WHERE exchange > 12")
    assert log.verify().problems == ["the end was cut: the log had 15 events and ends at 12"]


def test_an_event_that_was_moved_or_put_in_is_told(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "jsonl")
    log.write(*map(event, range(10)))
    original = log.path.read_bytes()
    lines(log, lambda found: [*found[:4], found[5], found[4], *found[6:]])
    (told,) = log.verify().problems
    assert told.startswith("event 5 (") and "was moved" in told
    log.path.write_bytes(original)
    lines(log, lambda found: [*found[:4], found[3], *found[4:]])
    (told,) = log.verify().problems
    assert told.startswith("event 4 (") and "was put in" in told
    log.path.write_bytes(original)
    stray = json.dumps(event(99).to_json()).encode() + b"\n"
    lines(log, lambda found: [*found[:4], stray, *found[4:]])
    assert log.verify().problems == ["something that is in no chain was put in after event 4"]


def test_two_events_that_changed_places_in_a_table_are_told(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*(replace(event(number), findings=()) for number in range(10)))
    query(
        log,
        "UPDATE entries SET seq = 99 WHERE seq = 5",
        "UPDATE entries SET seq = 5 WHERE seq = 6",
        "UPDATE entries SET seq = 6 WHERE seq = 99",
    )
    problems = log.verify().problems
    assert any(
        re.fullmatch(r"event 5 \(\S+\) was moved: it was written as event 6", text) for text in problems
    )
    assert any(
        re.fullmatch(r"event 6 \(\S+\) was moved: it was written as event 5", text) for text in problems
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET outcome = 'forward' WHERE seq = 3",
        "UPDATE entries SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 3",
        "UPDATE findings SET entity = 'PERSON' WHERE exchange = 3",
        "DELETE FROM findings WHERE exchange = 3",
        "INSERT INTO findings VALUES (3, 7, 'PERSON', 'block', '')",
    ],
)
def test_columns_that_say_something_else_than_the_event_are_told(tmp_path: Path, statement: str) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(5)))
    query(log, statement)
    (told,) = log.verify().problems
    assert re.match(r"event 3 \(\S+\): what queries look for was changed", told)


def forged(log: Log, change: Callable[[Entry], bytes], first: int) -> None:
    """The log written anew from an event on, with every hash right."""
    found = log.path.read_bytes().splitlines()
    entries = [entry for entry in map(Entry.of_line, found) if entry]
    head = entries[first - 2].head
    written = found[: first - 1]
    for entry in entries[first - 1 :]:
        said = Sealed(change(entry), entry.personal, entry.salt, entry.sealed)
        entry = Entry.after(head, said)
        head = entry.head
        written.append(entry.to_line())
    log.path.write_bytes(b"\n".join(written) + b"\n")


def test_a_log_that_was_rewritten_with_all_its_hashes_does_not_fit_its_checkpoints(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "jsonl")
    log.write(*map(event, range(10)))
    log.write(*map(event, range(10, 20)))
    forged(log, lambda entry: entry.public.replace(b'"status":403', b'"status":200'), 15)
    (told,) = log.verify().problems
    assert told.startswith("the log was rewritten: up to event 20 ")


def test_checkpoints_that_somebody_else_signed_or_took_away_are_told(log: Log) -> None:
    log.write(*map(event, range(10)))
    *unsigned, last = replace(log, signer=Signer([os.urandom(32)])).verify().problems
    assert unsigned and all("was not signed with this key" in text for text in unsigned)
    assert last == "no signed checkpoint covers any of it"
    if log.path.suffix == ".sqlite":
        query(log, "DELETE FROM checkpoints")
    else:
        log.path.with_name("audit.jsonl.checkpoints").unlink()
    assert log.verify().problems == ["no signed checkpoint covers any of it"]


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "public",
    [
        '{"entry":"erasure","time":"","events":[[1e999,1]]}',
        f'{{"entry":"erasure","time":"","events":{DEEP}}}',
        f'{{"id":{DEEP}}}',
    ],
)
def test_an_entry_that_no_gateway_would_write_keeps_nothing_else_from_being_told(
    log: Log, public: str
) -> None:
    log.write(*map(event, range(5)))
    if log.path.suffix == ".jsonl":
        said = Entry.after(stored(log.path).after(4, 1)[0].head, Sealed.of(public.encode(), None))
        lines(log, lambda found: [found[0], *found[2:], said.to_line() + b"\n"])
    else:
        query(
            log,
            "DELETE FROM entries WHERE seq = 2",
            f"UPDATE entries SET public = '{public}', personal = NULL WHERE seq = 5",
        )
    assert "event 2 was removed" in log.verify().problems
    reader = reader_of(log.path)
    assert name_of(3) in [one.id for one in reader.latest(10, Filter())]
    (entry,) = stored(log.path).after(5 if log.path.suffix == ".jsonl" else 4, 1)
    assert values_of(entry)["time"]
    assert erase(log.path, Person(user="nobody"), "", log.signer) == 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM chain", "no gateway writes"),
        ("UPDATE entries SET seq = -5 WHERE seq = 3", "no gateway writes"),
        ("DROP TABLE checkpoints", None),
        ("UPDATE entries SET public = CAST(x'ff2d' AS TEXT) WHERE seq = 3", None),
    ],
)
def test_tables_that_no_gateway_would_leave_are_told_and_never_whole(
    tmp_path: Path, statement: str, told: str | None
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(5)))
    query(log, statement)
    if told is None:
        with pytest.raises(AuditError, match=r"cannot be read to its end \(\w+\)$"):
            log.verify()
    else:
        assert any(told in problem for problem in log.verify().problems)


def test_a_log_of_which_nothing_is_in_a_chain_is_not_called_whole(tmp_path: Path) -> None:
    """As somebody leaves one who puts lines of their own in the place of all that there was."""
    log = Log.of(tmp_path, "jsonl")
    log.write(event(1))
    log.path.with_name(f"{log.path.name}.checkpoints").unlink()
    log.path.write_text(json.dumps(event(2).to_json()) + "\n")
    with pytest.raises(AuditError, match="nothing vouches"):
        log.verify()


def test_an_older_state_that_was_put_back_does_not_fit_a_checkpoint_kept_elsewhere(log: Log) -> None:
    log.write(*map(event, range(5)))
    before = {file: file.read_bytes() for file in log.path.parent.iterdir()}
    log.write(*map(event, range(5, 10)))
    opened = stored(log.path)
    elsewhere = log.signer.sign(opened.after(0, 100)[-1].head)
    opened.close()
    assert log.verify(outside=elsewhere).problems == []
    for file in log.path.parent.iterdir():
        file.unlink()
    for file, data in before.items():
        file.write_bytes(data)
    assert log.verify().problems == []  # nothing in the log itself can tell
    (told,) = log.verify(outside=elsewhere).problems
    assert told.startswith("the end was cut") and "says 10 events, the log ends at 5" in told


def test_a_writer_that_does_not_find_what_it_wrote_says_so_in_the_log(log: Log) -> None:
    """Cut back while it runs, before a checkpoint covers it, with all that the log says of its end."""
    sink = log.sink()
    sink.write(deque(map(event, range(3))))
    kept = log.path.read_bytes()
    sink.write(deque(map(event, range(3, 6))))
    if log.path.suffix == ".sqlite":
        query(
            log,
            "DELETE FROM entries WHERE seq > 3",
            "DELETE FROM findings WHERE exchange > 3",
            "UPDATE chain SET seq = 3, hash = (SELECT hash FROM entries WHERE seq = 3)",
        )
    else:
        os.truncate(log.path, len(kept))
    assert log.verify().problems == []  # nothing in it can tell
    sink.write(deque([event(6)]))
    sink.write(deque([event(7)]))
    sink.close()
    (told,) = log.verify().problems
    assert told == "event 4 (tampering): its writer did not find an event before it that it had written"
    assert log.verify().entries == 6


def test_the_commands_verify_and_say_how_it_went_by_their_exit_codes(log: Log, tmp_path: Path) -> None:
    ring = os.urandom(32)
    log.signer = Signer([ring])
    log.write(*(by(number, "ann") for number in range(10)))
    config = log.settings(ring)
    whole = run(config, "verify")
    assert whole.exit_code == 0 and "The log is as it was written." in whole.output, whole.output
    public, kept = tmp_path / "audit.pem", tmp_path / "kept.json"
    public.write_text(run(config, "key").output)
    kept.write_text(run(config, "checkpoint").output)
    arguments = ("verify", "--public-key", str(public), "--checkpoint", str(kept), "--json")
    told = json.loads(run(config, *arguments).output)
    assert told["whole"] and told["signed"]["seq"] == 10
    if log.path.suffix == ".sqlite":
        query(log, CHANGED[0])
    else:
        lines(log, CHANGED[1])
    broken = run(config, "verify")
    assert broken.exit_code == 1 and "event 5 (og_0000000000000004) was changed" in broken.output
    assert json.loads(run(config, *arguments).output)["whole"] is False
    (log.path.parent / "signing.key").unlink()
    unknown = run(config, "verify")
    assert isinstance(unknown.exception, AuditError) and "there is no such file" in str(unknown.exception)


def test_what_is_older_can_be_passed_over(log: Log) -> None:
    now = datetime.now(UTC)
    log.write(*(event(number, time=now - timedelta(days=10 - number)) for number in range(10)))
    if log.path.suffix == ".sqlite":
        query(log, CHANGED[0])
    else:
        lines(log, CHANGED[1])
    assert len(log.verify().problems) == 1
    result = log.verify(since=now - timedelta(days=3, hours=1))
    assert (result.problems, result.entries, result.first) == ([], 3, 8)
