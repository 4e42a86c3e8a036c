"""What somebody who can write to the log does to it, and what is told of it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_events import event, name_of
from audit_logs import Log, by, run
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.audit import AuditError, record, schema
from outgate.audit.chain import Entry, Head, Sealed
from outgate.audit.checkpoint import EVENTS, Checkpoint, Signer, public_keys_of
from outgate.audit.erase import Person, erase
from outgate.audit.jsonl import JsonlSink, pieces
from outgate.audit.read import Filter, reader_of
from outgate.audit.remote.sink import values_of
from outgate.audit.sink import Retention
from outgate.audit.stored import stored


@pytest.fixture(params=["sqlite", "jsonl"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    return Log.of(tmp_path, request.param)


def query(log: Log, *statements: str) -> None:
    with closing(sqlite3.connect(log.path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def lines(log: Log, change: Callable[[list[bytes]], list[bytes]]) -> None:
    log.path.write_bytes(b"".join(change(log.path.read_bytes().splitlines(keepends=True))))


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


def test_retention_leaves_a_chain_that_is_whole_from_its_anchor_on(log: Log) -> None:
    now = datetime.now(UTC)
    sink = log.sink(Retention(3600, 2**30))
    sink.write(deque(event(number, time=now - timedelta(hours=2)) for number in range(500)))
    if log.path.suffix == ".jsonl":
        sink.tidy(now.timestamp())
        os.utime(pieces(log.path)[0], (now.timestamp() - 7200,) * 2)
    sink.write(deque(event(number, time=now) for number in range(500, 510)))
    while sink.tidy(now.timestamp()):
        pass
    sink.finish()
    sink.close()
    result = log.verify()
    assert result.problems == []
    assert (result.first, result.last, result.entries) == (501, 510, 10)
    # The next that goes, goes by a stranger's hand.
    if log.path.suffix == ".sqlite":
        query(log, "DELETE FROM entries WHERE seq = 501", "DELETE FROM findings WHERE exchange = 501")
    else:
        lines(log, lambda found: found[1:])
    assert log.verify().problems == ["event 501 was removed"]


def test_a_log_of_any_name_finds_its_own_older_files(tmp_path: Path) -> None:
    """A name is no pattern: those put aside would be neither removed, nor read, nor erased from."""
    log = Log(tmp_path / "audit" / "audit[1].jsonl", JsonlSink, Signer([os.urandom(32)]))
    sink = log.sink(Retention(86_400 * 365, 8 * 10_000))
    for start in range(0, 60, 20):
        sink.write(deque(map(event, range(start, start + 20))))
    sink.finish()
    sink.close()
    assert pieces(log.path)
    assert (log.verify().problems, log.verify().entries) == ([], 60)


def test_all_that_is_too_old_goes_and_the_chain_goes_on(log: Log) -> None:
    now = datetime.now(UTC)
    sink = log.sink(Retention(3600, 2**30))
    sink.write(deque(event(number, time=now - timedelta(hours=2)) for number in range(20)))
    sink.tidy(now.timestamp())
    for file in pieces(log.path):
        os.utime(file, (now.timestamp() - 7200,) * 2)
    while sink.tidy(now.timestamp()):
        pass
    sink.write(deque([event(20, time=now)]))
    sink.finish()
    sink.close()
    result = log.verify()
    assert (result.problems, result.first, result.last) == ([], 21, 21)


def test_a_checkpoint_is_signed_after_so_many_events_and_after_a_time(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = log.sink()
    sink.write(deque([event(0)]))
    assert log.verify().signed.seq == 1  # type: ignore[union-attr]
    sink.write(deque(map(event, range(1, EVENTS))))
    assert log.verify().unsigned == EVENTS - 1
    sink.write(deque([event(EVENTS)]))
    assert log.verify().unsigned == 0
    sink.write(deque([event(EVENTS + 1)]))
    sink.tidy(time.time())
    assert log.verify().unsigned == 1
    monkeypatch.setattr("outgate.audit.checkpoint.SECONDS", 0.0)
    sink.tidy(time.time())
    assert log.verify().unsigned == 0
    sink.close()


def test_a_log_without_a_chain_gets_one_and_keeps_its_events(tmp_path: Path) -> None:
    """The third version of the tables, with findings in them, and lines of a JSONL log of then."""
    log = Log.of(tmp_path, "sqlite")
    log.path.parent.mkdir(mode=0o700)
    earlier = [
        by(number, "ann", time=datetime(2026, 1, 1, 12, 0, number, 123_000, UTC)) for number in range(3)
    ]
    connection = sqlite3.connect(log.path)
    for script in schema.MIGRATIONS[: schema.CHAINED - 1]:
        connection.executescript(script)
    for seq, one in enumerate(earlier, 1):
        values = one.to_json() | {"time": round(one.time.timestamp() * 1000)}
        findings, _ = values.pop("findings"), values.pop("accounts")  # which came later
        values = {name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in values.items()}
        marks = ", ".join("?" * len(values))
        connection.execute(
            f"INSERT INTO exchanges ({', '.join(values)}) VALUES ({marks})", list(values.values())
        )
        for position, finding in enumerate(findings):
            connection.execute(
                f"INSERT INTO findings (exchange, position, {', '.join(finding)}) VALUES (?, ?{', ?' * len(finding)})",
                [seq, position, *(v if isinstance(v, float) else str(v) for v in finding.values())],
            )
    connection.execute(f"PRAGMA user_version = {schema.CHAINED - 1}")
    connection.commit()
    connection.close()
    log.path.chmod(0o600)
    with pytest.raises(AuditError, match="no chain yet"):
        log.verify()
    log.write(event(3))
    assert (log.verify().problems, log.verify().entries) == ([], 4)
    reader = reader_of(log.path)
    assert reader.latest(3 + 1, Filter())[:3] == earlier
    assert reader.stats(None).findings == 4
    reader.close()

    old = Log.of(tmp_path / "lines", "jsonl")
    old.path.parent.mkdir(mode=0o700, parents=True)
    old.path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in earlier))
    old.path.chmod(0o600)
    old.write(event(3))
    result = old.verify()
    assert (result.problems, result.unchained, result.entries) == ([], 3, 1)
    assert [one.id for one in reader_of(old.path).latest(9, Filter())] == [
        name_of(number) for number in range(4)
    ]


def test_events_with_fields_of_a_later_version_verify_and_can_be_read(log: Log) -> None:
    public, personal = record.parts(event(1))
    later = public[:-1] + b',"something_new":{"personal":{"a":1}}}'
    told = personal[:-1] + b',"someone_new":"x"}'
    sink = log.sink()
    said = Sealed.of(later, told)
    if log.path.suffix == ".sqlite":
        schema.append(sink._connection, [said])
    else:
        sink._append(said)
    sink.finish()
    sink.close()
    result = log.verify()
    assert result.entries == 1
    if log.path.suffix == ".sqlite":
        assert result.problems == []


texts = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(public=st.dictionaries(texts, texts, min_size=1), personal=st.none() | st.dictionaries(texts, texts))
def test_an_entry_survives_its_line_whatever_is_in_it(
    public: dict[str, str], personal: dict[str, str]
) -> None:
    said = Sealed.of(
        record.written({"id": "og_1", "x": public}),
        None if personal is None else record.written(personal),
    )
    entry = Entry.after(Head.new(), said)
    line = entry.to_line()
    assert b"\n" not in line
    assert Entry.of_line(line) == entry and entry.is_whole()
    if personal is not None:
        bare = replace(entry, personal=None, salt=None)
        assert Entry.of_line(bare.to_line()) == bare and bare.is_whole() and bare.is_erased


@settings(max_examples=60, deadline=None)
@given(line=st.binary(max_size=200), cut=st.integers(0, 2000), bit=st.integers(0, 7))
def test_a_line_with_any_bit_turned_over_is_no_entry_or_not_whole(line: bytes, cut: int, bit: int) -> None:
    assert Entry.of_line(line) is None
    good = bytearray(Entry.after(Head.new(), Sealed.of(*record.parts(by(1, "ann")))).to_line())
    good[cut % len(good)] ^= 1 << bit
    found = Entry.of_line(bytes(good))
    assert found is None or not found.is_whole()


@given(
    text=st.binary(max_size=300)
    | st.recursive(st.none() | texts, lambda one: st.lists(one) | st.dictionaries(texts, one)).map(
        lambda values: json.dumps(values).encode()
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_no_checkpoint_or_key_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(AuditError):
        Checkpoint.of_text(text)
    with pytest.raises(AuditError):
        public_keys_of(text + b"-----END PUBLIC KEY-----", "x.pem")


UNKNOWN_KEY = (  # a key of an algorithm that nobody has heard of: 1.2.3.4
    b"-----BEGIN PUBLIC KEY-----\nMAswBQYDKgMEAwIAAA==\n-----END PUBLIC KEY-----\n"
)


def test_a_key_of_another_algorithm_is_refused_by_name() -> None:
    with pytest.raises(AuditError, match=r"x\.pem: no public key of Ed25519 in PEM"):
        public_keys_of(UNKNOWN_KEY, "x.pem")


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
