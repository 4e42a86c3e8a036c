"""Ledgers on every kind of store: nothing is let in beyond a limit, and every window begins at nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from budget_places import Place
from hypothesis import given
from hypothesis import strategies as st

from outgate.budgets import Ask, BudgetError, Demand, Standing
from outgate.budgets.memory import MemoryStore
from outgate.budgets.store import Line
from outgate.budgets.valkey import ValkeyStore
from outgate.budgets.windows import span
from outgate.model import Charge, Unit, Usage, Window

HOUR = Window(3600)
ANN, BOB = (Charge(bytes([number]) * 16, HOUR) for number in (1, 2))


def demand(
    charge: Charge = ANN, *, most: int = 3, need: int = 1, unit: Unit = Unit.REQUESTS, blocks: bool = True
) -> Demand:
    taken = 0 if unit is Unit.TOKENS else need
    return Demand("a budget", charge, (Ask(unit, need, taken, most),), blocks)


def used(standings: Sequence[Standing], unit: Unit = Unit.REQUESTS) -> list[int]:
    return [standing.used.get(unit, 0) for standing in standings]


async def test_a_limit_is_reached_and_not_passed(place: Place) -> None:
    ledger = place.open()
    assert [used(await ledger.admit([demand()]))[0] for _ in range(5)] == [0, 1, 2, 3, 3]
    assert used(await ledger.admit([demand(BOB)])) == [0]
    assert used(await ledger.standing([ANN, BOB])) == [3, 1]


async def test_what_one_budget_blocks_takes_nothing_of_the_others(place: Place) -> None:
    ledger = place.open()
    both = [demand(ANN, most=1), demand(BOB, most=9)]
    assert used(await ledger.admit(both)) == [0, 0]
    assert used(await ledger.admit(both)) == [1, 1]
    assert used(await ledger.standing([ANN, BOB])) == [1, 1]


async def test_a_budget_that_only_notes_goes_on_counting(place: Place) -> None:
    ledger = place.open()
    for _ in range(4):
        await ledger.admit([demand(most=1, blocks=False)])
    assert used(await ledger.standing([ANN])) == [4]


async def test_of_bytes_there_has_to_be_left_what_a_request_has(place: Place) -> None:
    ledger, size = place.open(), Unit.INPUT_BYTES
    assert used(await ledger.admit([demand(most=100, need=70, unit=size)]), size) == [0]
    assert used(await ledger.admit([demand(most=100, need=40, unit=size)]), size) == [70]
    assert used(await ledger.admit([demand(most=100, need=30, unit=size)]), size) == [70]
    assert used(await ledger.standing([ANN]), size) == [100]


async def test_tokens_are_charged_afterwards_and_block_what_comes_then(place: Place) -> None:
    ledger, tokens = place.open(), Unit.TOKENS
    assert used(await ledger.admit([demand(most=20, unit=tokens)]), tokens) == [0]
    await ledger.settle([ANN, BOB], Usage(15, 6))
    (standing,) = await ledger.admit([demand(most=20, unit=tokens)])
    assert standing.used[tokens] == 21
    (standing,) = await ledger.standing([BOB])
    assert standing.used == {Unit.INPUT_TOKENS: 15, Unit.OUTPUT_TOKENS: 6, tokens: 21}
    await ledger.settle([ANN], Usage(None, 0))
    assert used(await ledger.standing([ANN]), tokens) == [21]


async def test_the_next_window_begins_at_nothing_and_says_when_it_ends(place: Place) -> None:
    ledger = place.open()
    (standing,) = await ledger.admit([demand(most=1)])
    assert standing.ends - place.now == timedelta(minutes=30)
    place.later(minutes=29, seconds=59)
    assert used(await ledger.admit([demand(most=1)])) == [1]
    place.later(seconds=1)
    assert used(await ledger.admit([demand(most=1)])) == [0]
    assert used(await ledger.admit([demand(most=1)])) == [1]


async def test_an_answer_counts_in_the_window_in_which_it_ends(place: Place) -> None:
    ledger, tokens = place.open(), Unit.TOKENS
    await ledger.admit([demand(most=5, unit=tokens)])
    place.later(minutes=31)
    await ledger.settle([ANN], Usage(5, 5))
    assert used(await ledger.admit([demand(most=5, unit=tokens)]), tokens) == [10]


async def test_many_at_once_from_two_ledgers_are_let_in_as_often_as_the_limit_says(place: Place) -> None:
    first, second = place.open(), place.open()
    found = await asyncio.gather(
        *(each.admit([demand(most=25)]) for _ in range(30) for each in (first, second))
    )
    assert sum(used(standings)[0] < 25 for standings in found) == 25
    assert used(await second.standing([ANN])) == [25]


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
async def test_counters_that_are_over_are_forgotten(place: Place) -> None:
    ledger = place.open(most=20)
    for number in range(15):
        await ledger.admit([demand(Charge(bytes([number]) * 16, HOUR))])
    place.later(hours=2)
    for number in range(15):
        await ledger.admit([demand(Charge(bytes([number]) * 16, HOUR))])
    if isinstance(store := ledger.store, MemoryStore):
        assert len(store._counters) == 15


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
async def test_more_counters_than_may_be_are_refused_and_not_forgotten(place: Place) -> None:
    ledger = place.open(most=10)
    with pytest.raises(BudgetError, match=r"Raise `budgets\.counters`"):
        for number in range(40):
            await ledger.admit([demand(Charge(bytes([number]) * 16, HOUR))])
            place.later(seconds=61)
    assert used(await ledger.standing([Charge(bytes(16), HOUR)])) == [1]


@pytest.mark.parametrize("place", ["sqlite", "valkey"], indirect=True)
async def test_counters_of_another_key_are_refused_and_not_begun_anew(place: Place) -> None:
    await place.open().admit([demand()])
    with pytest.raises(BudgetError, match=r"another fingerprint\.key"):
        await place.open(b"other").admit([demand()])


@pytest.mark.parametrize("place", ["valkey"], indirect=True)
async def test_in_the_server_keys_are_hashes_and_end_with_their_window(place: Place) -> None:
    from valkey.asyncio import Valkey

    await place.open().admit([demand()])
    async with Valkey.from_url(place.where) as client:
        keys = sorted([key.decode() async for key in client.scan_iter("*")])
        assert [key for key in keys if not key.endswith(":key")] == [
            f"outgate:{{budgets}}:{(ANN.counter + int(span(HOUR, place.now)[0].timestamp()).to_bytes(6)).hex()}"
        ]
        left = await client.pttl(keys[0])
    assert 0 < left <= 2 * 86_400_000


async def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    store = ValkeyStore("valkey://outgate:made-up-word@127.0.0.1:1", "budgets", b"key", timeout=0.5)
    with pytest.raises(BudgetError, match=r"cannot be reached.*`budgets.url`") as caught:
        await store.admit([Line(b"x", 1, (), True)], 0)
    assert "made-up-word" not in caught.value.message
    await store.close()


_PROCESS = """
import asyncio, sys
from pathlib import Path
from outgate.budgets import Ask, Demand, Ledger
from outgate.budgets.sqlite import SqliteStore
from outgate.model import Charge, Unit, Window

async def main():
    ledger = Ledger(SqliteStore(Path(sys.argv[1]), b"key", 1000))
    demand = Demand("b", Charge(bytes(16), Window(31_536_000)), (Ask(Unit.REQUESTS, 1, 1, 150),), True)
    let_in = 0
    for _ in range(100):
        (standing,) = await ledger.admit([demand])
        let_in += standing.used.get(Unit.REQUESTS, 0) < 150
    await ledger.close()
    print(let_in)

asyncio.run(main())
"""


def test_two_processes_on_one_file_let_in_as_many_as_the_limit_says(tmp_path: Path) -> None:
    path = tmp_path / "budgets" / "budgets.db"
    command = [sys.executable, "-c", _PROCESS, str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(each.communicate(timeout=60)[0]) for each in both]
    assert sum(counts) == 150
    assert path.stat().st_mode & 0o077 == 0


async def test_a_file_that_is_removed_is_begun_anew_by_all_that_have_it_open(tmp_path: Path) -> None:
    """As the error over another key says: whoever went on with the old one would give the limit a second time."""
    place = Place("sqlite", str(tmp_path / "budgets" / "budgets.db"))
    first, other = place.open(), place.open()
    try:
        assert [used(await one.admit([demand()])) for one in (first, other)] == [[0], [1]]
        for file in (tmp_path / "budgets").iterdir():
            file.unlink()
        assert [used(await one.admit([demand()])) for one in (first, other, first)] == [[0], [1], [2]]
    finally:
        await first.close()
        await other.close()


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    place = Place("sqlite", str(tmp_path / "budgets" / "budgets.db"))
    place.open()
    Path(place.where).chmod(0o644)
    with pytest.raises(BudgetError, match="chmod 600"):
        place.open()


# --- windows ---------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
WINDOWS = st.one_of(
    st.sampled_from([60, 3600, 86_400, 30 * 86_400]).map(Window),
    st.builds(
        lambda kind, zone: Window(0, kind, ZoneInfo(zone)),
        st.sampled_from(["day", "month"]),
        st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]),
    ),
)


@given(WINDOWS, TIMES)
def test_every_moment_lies_in_one_window_and_the_next_begins_where_it_ends(
    window: Window, now: datetime
) -> None:
    start, end = span(window, now)
    assert start <= now < end
    assert span(window, start) == (start, end)
    assert span(window, end)[0] == end


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-03-29T10:00+02:00", "2026-03-28T23:00+00:00", "2026-03-29T22:00+00:00"),  # 23 hours
        ("2026-10-25T10:00+01:00", "2026-10-24T22:00+00:00", "2026-10-25T23:00+00:00"),  # 25 hours
        ("2026-11-30T23:59+01:00", "2026-11-29T23:00+00:00", "2026-11-30T23:00+00:00"),
    ],
)
def test_a_calendar_day_is_as_long_as_it_is_there(now: str, start: str, end: str) -> None:
    told = span(Window(0, "day", BERLIN), datetime.fromisoformat(now))
    assert told == (datetime.fromisoformat(start), datetime.fromisoformat(end))
