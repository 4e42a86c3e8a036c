"""What people said, on disk: whose file it is, how much there can be, and what other processes see of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from outgate.feedback.errors import FeedbackError, RefusedError
from outgate.feedback.in_force import InForce
from outgate.feedback.rate import Rate
from outgate.feedback.store import Limits, Store
from outgate.feedback.tables import State, milliseconds
from outgate.model import Action, Facts, Identity, Provider, Record, Role
from outgate.policy.exceptions import Exceptions

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)


def record(fingerprint: str, rule: str = "mail", entity: str = "EMAIL_ADDRESS") -> Record:
    return Record(entity, Role.USER, "messages[0].content", 0.9, fingerprint, rule, Action.BLOCK)


def facts(time: datetime = NOW) -> Facts:
    provider = Provider("openai", "OpenAI", "OpenAI", "US", "api")
    return Facts(provider, None, None, None, "", "", "", Identity("kim"), ip_address("10.0.0.7"), time)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback" / "feedback.db"


def test_nothing_is_made_until_something_is_said_and_then_it_is_its_owners_alone(path: Path) -> None:
    store = Store(path)
    assert store.version() is None
    assert not store.in_force(NOW)[0]
    assert store.reports() == store.exceptions() == store.justifications("og_1") == []
    assert not path.parent.exists()
    store.report("og_1", "user:kim", "openai", [record("aa")], "no", NOW)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    store.close()


def test_a_file_or_folder_that_others_can_read_is_refused(path: Path) -> None:
    store = Store(path)
    store.report("og_1", "user:kim", "openai", [record("aa")], "no", NOW)
    store.close()
    path.chmod(0o640)
    with pytest.raises(FeedbackError, match="chmod 600"):
        store.reports()
    path.chmod(0o600)
    path.parent.chmod(0o755)
    with pytest.raises(FeedbackError, match="chmod 700"):
        Store(path).in_force(NOW)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file somebody else's")
def test_a_file_of_another_user_is_refused_before_the_proxy_could_not_read_it(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 12345, 12345)
    with pytest.raises(FeedbackError, match="belongs to user 12345"):
        Store(path).report("og_1", "user:kim", None, [record("aa")], "no", NOW)
    assert not path.exists()


def test_said_again_it_is_counted_and_once_decided_it_is_not_asked_again(path: Path) -> None:
    store = Store(path)
    for reference in ("og_1", "og_2"):
        assert store.report(reference, "user:kim", "openai", [record("aa")], f"of {reference}", NOW) == 1
    store.report("og_3", "user:lee", "openai", [record("aa")], "mine too", NOW)
    (kim, lee) = store.reports(State.OPEN)
    assert (kim.times, kim.reference, kim.reason, lee.person) == (2, "og_2", "of og_2", "user:lee")
    assert store.decide("aa", "user:kim", State.REJECTED, "root", NOW) == 1
    with pytest.raises(RefusedError, match="decided"):
        store.report("og_4", "user:kim", "openai", [record("aa")], "please", NOW)
    assert store.find(kim.id).reason == "of og_2"
    (tally,) = store.tallies()
    assert (tally.rule, tally.reports, tally.persons, tally.open, tally.rejected) == ("mail", 2, 2, 1, 1)


def test_what_waits_is_bounded_for_one_and_for_all(path: Path) -> None:
    store = Store(path, Limits(waiting=3, waiting_of_one=2))
    store.report("og_1", "user:kim", None, [record("aa"), record("bb")], "no", NOW)
    with pytest.raises(RefusedError):
        store.report("og_1", "user:kim", None, [record("cc")], "no", NOW)
    store.report("og_1", "user:lee", None, [record("aa")], "no", NOW)
    with pytest.raises(RefusedError):
        store.report("og_1", "user:pat", None, [record("aa")], "no", NOW)
    assert len(store.reports()) == 3  # nothing of what was refused


def test_addresses_of_one_network_are_one_as_far_as_bounds_go(path: Path) -> None:
    store = Store(path, Limits(waiting_of_one=2, justified_of_one=2))
    for number in range(1, 3):
        who = f"address:2001:db8::{number}"
        store.report(f"og_{number}", who, None, [record("aa")], "no", NOW)
        store.justify(f"og_{number}", who, "openai", {("names", "aa"): 60}, "r", who, NOW)
    one, another, other = "address:2001:db8::3", "address:2001:db8:0:1::3", "user:2001:db8::3"
    with pytest.raises(RefusedError):
        store.report("og_3", one, None, [record("aa")], "no", NOW)
    with pytest.raises(RefusedError):
        store.justify("og_3", one, "openai", {("names", "aa"): 60}, "r", one, NOW)
    for who in (another, other, "address:10.0.0.1", "address:10.0.0.2"):
        store.report("og_3", who, None, [record("aa")], "no", NOW)
        store.justify("og_3", who, "openai", {("names", "aa"): 60}, "r", who, NOW)
    assert len(store.reports()) == 6


def test_reasons_in_force_are_bounded_and_given_again_they_count_anew(path: Path) -> None:
    store = Store(path, Limits(justified_of_one=2))
    values = {("names", "aa"): 60, ("names", "bb"): 120}
    for reason, moment in (("first", NOW - timedelta(seconds=9)), ("second", NOW)):
        store.justify("og_1", "user:kim", "openai", values, reason, "user:kim", moment)
    told = [(one.reason, one.expires > milliseconds(NOW)) for one in store.justifications("og_1")]
    assert told == [("first", False), ("second", True)]  # both are kept, the newer counts
    with pytest.raises(RefusedError):
        store.justify("og_2", "user:kim", "openai", {("names", "cc"): 60}, "more", "user:kim", NOW)
    exceptions, _ = store.in_force(NOW)
    assert exceptions.justification("aa", "names", facts()) is not None
    assert exceptions.justification("cc", "names", facts()) is None
    later = NOW + timedelta(seconds=61)  # each value has its rule's time
    assert exceptions.justification("aa", "names", facts(later)) is None
    assert exceptions.justification("bb", "names", facts(later)) is not None
    store.justify("og_2", "user:kim", "openai", {("names", "cc"): 60}, "more", "user:kim", later)


def test_what_is_over_is_forgotten_in_time_and_no_number_is_used_twice(path: Path) -> None:
    store = Store(path, Limits(days=10))
    first = store.let_pass("aa", "E", "everyone", None, timedelta(days=1), "root", NOW)
    store.report("og_1", "user:kim", None, [record("aa")], "no", NOW)
    store.decide("aa", None, State.ALLOWED, "root", NOW)
    store.justify("og_1", "user:kim", "openai", {("names", "aa"): 60}, "r", "user:kim", NOW)
    later = NOW + timedelta(days=12)
    assert [one.id for one in store.exceptions()] == [first]
    assert store.exceptions(at=later) == []
    second = store.let_pass("bb", "E", "everyone", None, timedelta(days=1), "root", later)
    assert second > first
    assert [one.id for one in store.exceptions()] == [second]
    assert store.reports() == store.justifications("og_1") == []


def test_of_what_is_over_the_oldest_goes_when_it_is_too_much_and_nothing_that_counts(path: Path) -> None:
    store = Store(path, Limits(over=3))
    for number in range(6):
        moment = NOW + timedelta(hours=number)
        store.justify(f"og_{number}", "user:kim", "openai", {("names", "aa"): 60}, "r", "user:kim", moment)
        store.let_pass(f"{number}", "E", "everyone", None, timedelta(days=number % 2 or 1), "root", NOW)
    assert [one for one in range(6) if store.justifications(f"og_{one}")] == [3, 4, 5]
    assert len(store.exceptions()) == 6  # all of them count
    store.let_pass("6", "E", "everyone", None, timedelta(days=1), "root", NOW + timedelta(days=2))
    assert [one.fingerprint for one in store.exceptions()] == ["4", "5", "6"]


def test_what_was_allowed_can_be_reported_again(path: Path) -> None:
    store = Store(path)
    store.report("og_1", "user:kim", "openai", [record("aa")], "no", NOW)
    store.decide("aa", None, State.ALLOWED, "root", NOW)
    assert store.report("og_2", "user:kim", "openai", [record("aa")], "it has ended", NOW) == 1
    (again,) = store.reports(State.OPEN)
    assert (again.times, again.decided_by) == (2, None)


def test_a_revoked_exception_is_in_force_no_more(path: Path) -> None:
    store = Store(path)
    number = store.let_pass("aa", "E", "everyone", None, timedelta(days=1), "root", NOW)
    assert store.in_force(NOW)[0].exception("aa", facts()) is not None
    store.revoke(number, "kim", NOW)
    assert store.in_force(NOW)[0].exception("aa", facts()) is None
    with pytest.raises(FeedbackError, match="No exception in force"):
        store.revoke(number, "kim", NOW)


def _except(path: Path, worker: int) -> None:
    store = Store(path)
    for number in range(10):
        store.let_pass(
            f"{worker:02}{number:02}", "E", "everyone", None, timedelta(days=1), "root", datetime.now(UTC)
        )
    store.close()


async def test_processes_write_at_once_and_each_sees_it_and_a_file_that_is_replaced(path: Path) -> None:
    told: list[tuple[Exceptions, int]] = []
    with ThreadPoolExecutor(1) as thread:
        store = Store(path)
        in_force = InForce(store, thread, lambda exceptions, count: told.append((exceptions, count)))
        await in_force.refresh()
        assert told == []
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_except, args=(path, worker)) for worker in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            await asyncio.to_thread(worker.join, 60)
        assert [worker.exitcode for worker in workers] == [0, 0]
        await in_force.refresh()
        assert told[-1][1] == 20
        await in_force.refresh()
        assert len(told) == 1  # nothing new, nothing read
        await asyncio.to_thread(path.rename, path.with_name("aside.db"))
        await in_force.refresh()
        assert told[-1][1] == 0
        store.close()


async def test_what_cannot_be_read_excepts_nothing_until_it_can(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []
    with ThreadPoolExecutor(1) as thread:
        store = Store(path)
        store.let_pass("aa", "E", "everyone", None, timedelta(days=999), "root", datetime.now(UTC))
        in_force = InForce(store, thread, lambda _, count: told.append(count))
        await in_force.refresh()
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE exceptions RENAME TO gone")
        for _ in range(3):
            await in_force.refresh()
        assert told == [1, 0]
        assert sum("no exceptions are in force" in message for message in caplog.messages) == 1
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE gone RENAME TO exceptions")
        connection.close()
        await in_force.refresh()
        assert told == [1, 0, 1]
        store.close()


def test_who_is_forgotten_is_in_no_byte_of_the_file_and_nobody_else_is_touched(path: Path) -> None:
    store, gateway = Store(path), Store(path)
    for number in range(200):
        who = "user:kim" if number % 2 else "user:kimberley"
        print_ = f"{'feed' if number % 2 else 'aaaa'}{number:012}"
        store.report(f"og_{number}", who, "openai", [record(print_)], f"{who} says so", NOW)
        store.justify(f"og_{number}", who, "openai", {("mail", print_): 600}, f"{who} has to", who, NOW)
    store.let_pass("feed", "E", "user:kim", None, timedelta(days=1), "root", NOW)
    store.let_pass("bb", "E", "group:kim", None, timedelta(days=1), "root", NOW)
    assert gateway.in_force(NOW)[1] == 2
    seen = gateway.version()
    assert store.forget(lambda user, _address: user == "kim") == (100, 100, 1)
    assert gateway.version() != seen  # who has it open looks anew
    assert gateway.in_force(NOW)[1] == 1
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"user:kim " not in written and b"feed" not in written
    assert len(store.reports()) == 100 and {one.person for one in store.reports()} == {"user:kimberley"}
    assert written.count(b"user:kimberley has to") == 100
    assert store.forget(lambda user, _address: user == "kim") == (0, 0, 0)


def test_to_forget_makes_no_file_and_says_when_another_process_still_has_what_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(path)
    assert store.forget(lambda *_: True) == (0, 0, 0)
    assert not path.parent.exists()
    monkeypatch.setattr("outgate.disk.sqlite._RELEASED", 0.0)
    monkeypatch.setattr("outgate.disk.sqlite.PATIENCE", 0.05)
    store.report("og_1", "user:kim", None, [record("aa")], "no", NOW)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM reports").fetchone()
    with pytest.raises(FeedbackError, match="erase once more"):
        store.forget(lambda *_: True)
    reader.close()
    assert store.forget(lambda *_: True) == (0, 0, 0)
    assert b"user:kim" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    store.close()


def test_a_file_of_another_version_is_left_alone(path: Path) -> None:
    store = Store(path)
    store.let_pass("aa", "E", "everyone", None, timedelta(days=1), "root", NOW)
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(FeedbackError, match="another version"):
        Store(path).exceptions()


def test_a_client_may_ask_so_often_a_minute_and_many_clients_share_one_count() -> None:
    now = [60.0]
    rate = Rate(2, clock=lambda: now[0])
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]
    assert rate.allows("b")
    now[0] = 121.0
    assert rate.allows("a")
    for number in range(20_000):
        rate.allows(f"client {number}")
    assert not rate.allows("one more")
    assert rate.allows("a")
