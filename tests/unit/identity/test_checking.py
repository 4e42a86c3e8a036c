"""Credentials are checked once, remembered for a while, and never kept."""

from __future__ import annotations

import asyncio
import gc
import threading
from ipaddress import ip_address

import pytest

from outgate.identity import checking
from outgate.identity.checking import Checker
from outgate.identity.evidence import Credentials, Kind, Known, Refused, UnavailableError
from outgate.model import Identity

HERE = ip_address("192.0.2.1")
RIGHT, WRONG = Credentials("ada", "engine-of-1843"), Credentials("ada", "engine-of-1844")


class Source:
    """One user, and what happens to who asks."""

    kind: Kind = "password"

    def __init__(self) -> None:
        self.version, self.asked, self.out, self.holds = 0, 0, False, True
        self.gate = threading.Event()
        self.gate.set()

    def takes(self, credentials: Credentials) -> bool:
        return not credentials.is_token

    def check(self, credentials: Credentials) -> Known | Refused:
        self.asked += 1
        assert self.gate.wait(10)
        if self.out:
            raise UnavailableError("ldap.corp.example is out")
        if credentials == RIGHT:
            return Known(Identity("ada"), lambda: self.holds)
        return Refused("password", "ada" if credentials.user == "ada" else None)

    def look(self) -> None:
        pass


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_right_ones_are_remembered_for_so_long_and_no_longer_than_they_hold() -> None:
    source, clock = Source(), Clock()
    checker = Checker([source], 300, clock)
    for _ in range(3):
        known = await checker.check(RIGHT, HERE)
        assert isinstance(known, Known) and known.identity.user == "ada"
    assert source.asked == 1
    clock.now += 301
    await checker.check(RIGHT, HERE)
    assert source.asked == 2
    source.version += 1
    await checker.check(RIGHT, HERE)
    assert source.asked == 3
    source.holds = False
    await checker.check(RIGHT, HERE)
    assert source.asked == 4
    checker.close()


async def test_with_no_time_to_remember_each_is_checked() -> None:
    source = Source()
    checker = Checker([source], 0)
    for _ in range(3):
        assert isinstance(await checker.check(RIGHT, HERE), Known)
    assert source.asked == 3
    checker.close()


async def test_an_old_password_that_comes_again_and_again_slows_nobody() -> None:
    source = Source()
    checker = Checker([source], 300)
    for _ in range(100):
        assert await checker.check(WRONG, HERE) == Refused("password", "ada")
    assert source.asked == 1
    assert isinstance(await checker.check(RIGHT, HERE), Known)
    checker.close()


async def test_other_passwords_one_after_the_other_are_slowed_and_not_looked_at() -> None:
    source = Source()
    checker = Checker([source], 300)
    results = [await checker.check(Credentials("ada", f"guess-{number}"), HERE) for number in range(20)]
    kinds = [result.kind for result in results if isinstance(result, Refused)]
    assert kinds == ["password"] * 6 + ["slowed"] * 14
    assert source.asked == 6
    assert isinstance(results[-1], Refused) and results[-1].wait >= 1
    checker.close()


async def test_the_same_that_come_at_once_are_checked_once_and_one_that_leaves_takes_nobody_along() -> None:
    source = Source()
    source.gate.clear()
    checker = Checker([source], 300)
    tasks = [asyncio.create_task(checker.check(RIGHT, HERE)) for _ in range(20)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    results = await asyncio.gather(*tasks[1:])
    assert all(isinstance(result, Known) for result in results)
    assert source.asked == 1
    checker.close()


async def test_only_so_many_wait() -> None:
    source = Source()
    source.gate.clear()
    checker = Checker([source], 300)
    tasks = [
        asyncio.create_task(checker.check(Credentials(f"user-{number}", "x"), ip_address(number)))
        for number in range(checking._WAITING)
    ]
    await asyncio.sleep(0.01)
    assert await checker.check(RIGHT, HERE) == Refused("unavailable", wait=1)
    source.gate.set()
    await asyncio.gather(*tasks)
    assert isinstance(await checker.check(RIGHT, HERE), Known)
    checker.close()


async def test_a_source_that_is_out_refuses_is_told_once_and_left_alone_for_a_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And is no reason to hold anything against who asks."""
    source, other, clock = Source(), Source(), Clock()
    source.out = True
    checker = Checker([source, other], 300, clock)
    assert isinstance(await checker.check(RIGHT, HERE), Known)  # the other knows
    for number in range(10):
        refused = await checker.check(Credentials("bo", f"guess-{number}"), HERE)
        assert isinstance(refused, Refused) and refused.kind == "unavailable"
    assert source.asked == 1
    assert caplog.text.count("ldap.corp.example is out") == 1
    source.out = False
    clock.now += 3
    assert await checker.check(Credentials("bo", "guess-0"), HERE) == Refused("password")
    checker.close()


async def test_who_takes_no_tokens_is_not_asked_about_one() -> None:
    source = Source()
    checker = Checker([source], 300)
    assert await checker.check(Credentials("", "ey.J.x", is_token=True), HERE) == Refused("token")
    assert source.asked == 0
    checker.close()


async def test_no_password_stays_in_memory() -> None:
    gc.collect()
    gc.freeze()  # what is there already need not be looked at
    checker = Checker([Source()], 300)
    secret = "".join(("pass", "-of-", str(id(checker))))
    await checker.check(Credentials("ada", secret), HERE)
    gc.collect()
    kept = list(checker._remembered)
    assert len(kept) == 1 and secret.encode() not in kept[0] and len(kept[0]) == 32
    left = [one for one in gc.get_objects() if isinstance(one, Credentials) and one.secret == secret]
    gc.unfreeze()
    assert not left
    checker.close()


async def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_MOST", 10)
    checker = Checker([Source()], 300)
    for number in range(30):
        await checker.check(Credentials(f"user-{number}", "x"), ip_address(number))
    assert len(checker._remembered) == 10
    assert not checker._under_way
    checker.close()
