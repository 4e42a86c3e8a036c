"""What a vault does, whatever its store."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vault_places import DAY, Place, Server

from outgate.model import Pair
from outgate.vault import Vault, VaultError
from outgate.vault.keys import FixedKeys
from outgate.vault.store import Entry, Limits, State

ALICE, BOB = "user:alice", "user:bob"
MAIL = Pair("EMAIL_ADDRESS_abcdefghijkl", "alice@made-up.example")
NAME = Pair("PERSON_mnopqrstuvwx", "Alice Example")


def pairs(count: int, start: int = 0) -> list[Pair]:
    return [Pair(f"PERSON_{number:012}", f"value {number}") for number in range(start, start + count)]


async def test_what_was_remembered_is_recalled(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL, NAME])
    assert await vault.recall(ALICE, [MAIL.placeholder, NAME.placeholder, "PERSON_unknownunkno"]) == {
        MAIL.placeholder: MAIL.value,
        NAME.placeholder: NAME.value,
    }
    assert await vault.recall(ALICE, []) == {}


async def test_a_scope_has_its_own_pairs_only(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL])
    await vault.remember(BOB, [Pair(MAIL.placeholder, "bob@made-up.example")])
    assert await vault.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
    assert await vault.recall(BOB, [NAME.placeholder]) == {}
    assert await vault.known("user:carol") == {}
    assert await vault.known(BOB) == {MAIL.placeholder: "bob@made-up.example"}


async def test_no_two_of_scope_and_placeholder_are_mixed_up(place: Place) -> None:
    vault = place.open()
    await vault.remember("user:a\0b", [Pair("c", "first")])
    await vault.remember("user:a", [Pair("b\0c", "second")])
    assert await vault.recall("user:a\0b", ["c", "b\0c"]) == {"c": "first"}
    assert await vault.recall("user:a", ["c", "b\0c"]) == {"b\0c": "second"}


async def test_of_two_spellings_in_a_request_the_first_is_kept_and_a_later_request_brings_its_own(
    place: Place,
) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL, replace(MAIL, value="ALICE@made-up.example")])
    assert await vault.known(ALICE) == {MAIL.placeholder: MAIL.value}
    await vault.remember(ALICE, [replace(MAIL, value="Alice@made-up.example")])
    assert await vault.known(ALICE) == {MAIL.placeholder: "Alice@made-up.example"}


async def test_the_newest_are_known_first_and_no_more_than_asked_for(place: Place) -> None:
    vault = place.open()
    for pair in pairs(5):
        await vault.remember(ALICE, [pair])
        place.clock.now += 1
    assert list(await vault.known(ALICE, 3)) == [pair.placeholder for pair in reversed(pairs(5))][:3]
    await vault.remember(ALICE, pairs(1, 5))
    assert list(await vault.known(ALICE, 2)) == [pair.placeholder for pair in reversed(pairs(6))][:2]
    assert len(await vault.known(ALICE)) == 6


async def test_what_another_worker_remembers_is_known_at_once(place: Place) -> None:
    one, other = place.open(), place.open()
    assert await other.known(ALICE) == {}
    await one.remember(ALICE, [MAIL])
    assert await other.known(ALICE) == {MAIL.placeholder: MAIL.value}
    await one.remember(ALICE, [NAME])
    assert await other.recall(ALICE, [NAME.placeholder]) == {NAME.placeholder: NAME.value}
    assert set(await other.known(ALICE)) == {MAIL.placeholder, NAME.placeholder}


async def test_an_answer_that_is_being_restored_keeps_what_it_began_with(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL])
    begun = await vault.known(ALICE)
    await vault.remember(ALICE, [NAME])
    assert len(await vault.known(ALICE)) == 2
    assert dict(begun) == {MAIL.placeholder: MAIL.value}


async def test_a_scope_that_did_not_change_is_not_read_again(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, pairs(20))
    first = await vault.known(ALICE)
    assert await vault.known(ALICE) is first
    await vault.remember(ALICE, pairs(20))
    assert await vault.known(ALICE) is first


async def test_one_look_serves_a_request_and_its_answer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, other = place.open(), place.open()
    await vault.remember(ALICE, [MAIL])
    first = await vault.known(ALICE)
    looks, look = 0, vault.store.states

    async def counted(scopes: Sequence[bytes]) -> tuple[bytes, list[State]]:
        nonlocal looks
        looks += 1
        return await look(scopes)

    monkeypatch.setattr(vault.store, "states", counted)
    await vault.remember(ALICE, [MAIL])
    assert await vault.known(ALICE) is first
    assert looks == 1
    await other.remember(ALICE, [NAME])
    place.clock.now += 1_000
    assert set(await vault.known(ALICE)) == {MAIL.placeholder, NAME.placeholder}
    await vault.remember(ALICE, [MAIL, Pair("PERSON_new", "somebody new")])
    assert "PERSON_new" in await vault.known(ALICE)


async def test_more_than_the_cache_may_hold_is_known_all_the_same(place: Place) -> None:
    vault = place.open(cache=1000)
    for scope in (ALICE, BOB):
        await vault.remember(scope, pairs(300))
    for scope in (ALICE, BOB, ALICE):
        assert await vault.known(scope) == {pair.placeholder: pair.value for pair in pairs(300)}
        assert await vault.recall(scope, [pair.placeholder for pair in pairs(700)]) == await vault.known(
            scope
        )


async def test_what_is_not_used_for_its_time_is_gone_and_what_is_used_stays(place: Place) -> None:
    vault = place.open(limits=Limits(ttl=10 * DAY))
    await vault.remember(ALICE, [MAIL, NAME])
    assert len(await vault.known(ALICE)) == 2
    for _ in range(3):
        place.clock.now += 6 * DAY
        assert await vault.recall(ALICE, [MAIL.placeholder])
    assert await vault.known(ALICE) == {MAIL.placeholder: MAIL.value}
    assert await vault.recall(ALICE, [NAME.placeholder]) == {}
    await vault.remember(BOB, [NAME])
    place.clock.now += 6 * DAY
    await vault.remember(ALICE, [MAIL])
    place.clock.now += 6 * DAY
    assert await vault.recall(ALICE, [MAIL.placeholder])
    assert await vault.known(BOB) == {}


async def test_the_oldest_of_a_scope_go_when_it_has_too_many(place: Place) -> None:
    vault = place.open(limits=Limits(scope_entries=10))
    for pair in pairs(12):
        await vault.remember(ALICE, [pair])
        place.clock.now += 1
    assert list(await vault.known(ALICE)) == [pair.placeholder for pair in reversed(pairs(10, 2))]
    await vault.remember(ALICE, pairs(25, 12))
    assert (
        len(await vault.known(ALICE)) == (await vault.stats()).entries == 9
    )  # a tenth less, so that it lasts


async def test_the_oldest_of_all_go_when_there_are_too_many(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind == "valkey":  # which looks at all scopes from time to time only
        monkeypatch.setattr("outgate.vault.valkey._TIDY_EVERY", 1)
    vault = place.open(limits=Limits(entries=10))
    for number in range(5):
        await asyncio.sleep(0.002)
        await vault.remember(f"user:{number}", pairs(4))
        place.clock.now += 1
    assert (await vault.stats()).entries <= 10
    assert len(await vault.known("user:4")) == 4
    assert await vault.known("user:0") == {}


async def test_what_is_purged_is_gone_from_caches_too_and_can_be_remembered_again(place: Place) -> None:
    vault, other = place.open(), place.open()
    for scope in (ALICE, BOB):
        await vault.remember(scope, [MAIL, NAME])
        assert len(await other.known(scope)) == len(await vault.known(scope)) == 2
    assert await vault.forget(ALICE) == 2
    assert await other.known(ALICE) == await vault.known(ALICE) == {}
    assert len(await other.known(BOB)) == 2
    await other.remember(ALICE, [MAIL])
    assert await vault.recall(ALICE, [MAIL.placeholder])
    assert await vault.known(ALICE) == {MAIL.placeholder: MAIL.value}
    assert await vault.purge() == 3
    assert await other.known(ALICE) == await other.known(BOB) == {}
    await vault.remember(BOB, [MAIL])
    assert await other.known(BOB) == {MAIL.placeholder: MAIL.value}


async def test_a_purge_by_age_takes_what_was_not_used_since(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL])
    await vault.remember(BOB, [MAIL, NAME])
    place.clock.now += 5 * DAY
    await vault.remember(ALICE, [NAME])
    await vault.recall(BOB, [NAME.placeholder])
    assert await vault.purge(3 * 86_400) == 2
    assert set(await vault.known(ALICE)) == set(await vault.known(BOB)) == {NAME.placeholder}


async def test_counts_tell_how_much_there_is(place: Place) -> None:
    vault = place.open()
    empty = await vault.stats()
    assert (empty.entries, empty.scopes, empty.oldest, empty.newest) == (0, 0, None, None)
    await vault.remember(ALICE, [MAIL, NAME])
    place.clock.now += DAY
    await vault.remember(BOB, [MAIL])
    full = await vault.stats()
    assert (full.entries, full.scopes) == (3, 2)
    assert (full.oldest, full.newest) == (place.clock.now - DAY, place.clock.now)


async def test_another_key_is_told_and_reads_nothing(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL])
    other = place.open(FixedKeys([os.urandom(32)]))
    for attempt in (
        other.recall(ALICE, [MAIL.placeholder]),
        other.known(ALICE),
        other.remember(ALICE, [NAME]),
    ):
        with pytest.raises(VaultError, match=vault.keys.ring()[0].id.hex()) as raised:
            await attempt
        assert MAIL.value not in raised.value.message
    await other.purge()
    await other.remember(ALICE, [NAME])
    assert await other.known(ALICE) == {NAME.placeholder: NAME.value}


async def _tampered(vault: Vault, change: str) -> None:
    """Do to the entry of MAIL what somebody with the store at hand could do."""
    key = vault.keys.ring()[0]
    scope, name = key.scope(ALICE), key.name(ALICE, MAIL.placeholder)
    now = vault._clock()
    (entry,) = await vault.store.get(scope, [name], now)
    if change == "a bit":
        blob = entry.blob[:-1] + bytes([entry.blob[-1] ^ 1])
    elif change == "cut":
        blob = entry.blob[:20]
    elif change == "another entry's":
        name = key.name(ALICE, NAME.placeholder)
        blob = entry.blob
    else:
        scope, name, blob = key.scope(BOB), key.name(BOB, MAIL.placeholder), entry.blob
    await vault.store.put(scope, [Entry(name, blob, now)], now)


@pytest.mark.parametrize("change", ["a bit", "cut", "another entry's", "another scope's"])
async def test_an_entry_that_was_changed_or_moved_is_told_and_mended_by_the_next_request(
    place: Place, change: str
) -> None:
    vault = place.open()
    await vault.remember(ALICE, [MAIL, NAME])
    await _tampered(vault, change)
    scope = BOB if change == "another scope's" else ALICE
    victim = NAME if change == "another entry's" else MAIL
    for attempt in (vault.recall(scope, [victim.placeholder]), vault.known(scope)):
        with pytest.raises(VaultError, match="changed by somebody else") as raised:
            await attempt
        assert MAIL.value not in raised.value.message
    await vault.remember(scope, [victim])
    assert (await vault.known(scope))[victim.placeholder] == victim.value


async def test_nothing_in_the_store_or_the_log_tells_who_or_what(
    place: Place, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = place.open()
    await vault.remember(ALICE, [MAIL, NAME])
    await vault.recall(ALICE, [MAIL.placeholder])
    await vault.known(ALICE)
    if place.kind == "memory":
        stored = bytes(await _serialised(vault))
    elif place.kind == "sqlite":
        stored = b"".join(file.read_bytes() for file in Path(place.where).parent.iterdir())
    else:
        server: Server = request.getfixturevalue("server")
        await vault.store._client.config_set("rdbcompression", "no")  # type: ignore[attr-defined]
        await vault.store._client.save()  # type: ignore[attr-defined]
        stored = (server.folder / "dump.rdb").read_bytes()
    assert vault.keys.ring()[0].name(ALICE, MAIL.placeholder) in stored
    for told in ("alice", "user:", "EMAIL", MAIL.placeholder, NAME.placeholder, NAME.value, "made-up"):
        assert told.lower().encode() not in stored.lower()
        assert told not in caplog.text
        assert told not in repr(vars(vault.store))


async def _serialised(vault: Vault) -> bytes:
    return await vault.store._thread.run(lambda: vault.store._file.connection().serialize())  # type: ignore[attr-defined,no-any-return]


async def test_lengths_of_values_do_not_tell_them_apart(place: Place) -> None:
    vault = place.open()
    await vault.remember(ALICE, [Pair("PERSON_a", "Bo"), Pair("PERSON_b", "Maximiliane")])
    key = vault.keys.ring()[0]
    stored = await vault.store.newest(key.scope(ALICE), 0, 10, place.clock.now)
    assert len({len(entry.blob) for entry in stored}) == 1


async def test_many_at_once_do_not_disturb_each_other(place: Place) -> None:
    vaults = [place.open(), place.open()]
    await asyncio.gather(
        *(vaults[number % 2].remember(f"user:{number % 5}", pairs(5, number)) for number in range(40))
    )
    for vault in vaults:
        for scope in range(5):
            known = await vault.known(f"user:{scope}")
            assert known == {
                pair.placeholder: pair.value for number in range(scope, 40, 5) for pair in pairs(5, number)
            }


async def test_with_an_old_key_in_the_ring_what_it_sealed_is_read(place: Place) -> None:
    old, new = os.urandom(32), os.urandom(32)
    before = place.open(FixedKeys([old]))
    await before.remember(ALICE, [MAIL])
    after = place.open(FixedKeys([new, old]))
    await after.remember(ALICE, [NAME])
    for vault in (after, place.open(FixedKeys([old, new]))):
        assert await vault.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
        assert await vault.known(ALICE) == {MAIL.placeholder: MAIL.value, NAME.placeholder: NAME.value}
    assert await after.forget(ALICE) == 2


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["remember", "forget", "read", "later"]),
        st.integers(0, 1),  # which of two workers
        st.sampled_from(["user:alice", "user:bob"]),
        st.dictionaries(TEXT | st.sampled_from("abc"), TEXT, max_size=4),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_two_workers_and_a_dictionary_agree_on_any_text_in_any_order(
    place: Place, steps: list[tuple[str, int, str, dict[str, str]]]
) -> None:
    workers = [place.open(), place.open()]
    await workers[0].purge()
    told: dict[str, dict[str, str]] = {"user:alice": {}, "user:bob": {}}
    for what, number, scope, new in steps:
        if what == "remember":
            await workers[number].remember(scope, [Pair(*item) for item in new.items()])
            told[scope] |= new
        elif what == "forget":
            assert await workers[number].forget(scope) == len(told[scope])
            told[scope] = {}
        elif what == "later":
            place.clock.now += DAY // 4
        else:
            assert await workers[number].known(scope) == told[scope]
            asked = {*new, *told[scope]}
            assert await workers[number].recall(scope, asked) == told[scope]
    for scope, there in told.items():
        for worker in workers:
            assert await worker.known(scope) == there
    await asyncio.gather(*(worker.close() for worker in workers if place.kind != "memory"))
