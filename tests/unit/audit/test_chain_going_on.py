"""How a chain goes on: past retention, checkpoints and other versions; and what its entries can hold."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_events import event, name_of
from audit_logs import Log, by, lines, query
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.audit import AuditError, record, schema
from outgate.audit.chain import Entry, Head, Sealed
from outgate.audit.checkpoint import EVENTS, Checkpoint, Signer, public_keys_of
from outgate.audit.jsonl import JsonlSink, pieces
from outgate.audit.read import Filter, reader_of
from outgate.audit.sink import Retention


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
