"""Guessing is slowed; what is right is not."""

from __future__ import annotations

from ipaddress import ip_address

from outgate.identity import attempts
from outgate.identity.attempts import LONGEST, OF_ADDRESS, OF_USER, Attempts

HERE, THERE = ip_address("192.0.2.1"), ip_address("198.51.100.7")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guesses(slow: Attempts, clock: Clock, seconds: float, user: str = "ada") -> int:
    """How many passwords somebody can try in so many seconds, however hard."""
    tried, end = 0, clock.now + seconds
    while clock.now < end:
        wait = slow.begin(HERE, user)
        if wait:
            clock.now += wait
            continue
        slow.failed(HERE, user)
        tried += 1
    return tried


def test_a_day_is_enough_for_few_guesses() -> None:
    clock = Clock()
    assert guesses(Attempts(clock), clock, 86_400) < 24 * 60 + 20


def test_the_wait_doubles_up_to_a_limit() -> None:
    clock = Clock()
    slow = Attempts(clock)
    waits = []
    for _ in range(OF_USER + 8):
        wait = slow.begin(HERE, "ada")
        assert not wait
        slow.failed(HERE, "ada")
        waits.append(slow.begin(HERE, "ada") or slow.begin(HERE, "ada"))
        clock.now += LONGEST
    assert waits[: OF_USER - 1] == [0.0] * (OF_USER - 1)
    assert waits[OF_USER : OF_USER + 4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST


def test_guessing_from_many_addresses_is_slowed_by_the_user() -> None:
    clock = Clock()
    slow = Attempts(clock)
    for number in range(OF_USER):
        assert not slow.begin(ip_address(f"192.0.2.{number}"), "ada")
        slow.failed(ip_address(f"192.0.2.{number}"), "ada")
    assert not slow.begin(THERE, "ada")
    assert slow.begin(HERE, "ada")
    assert not slow.begin(HERE, "bo")


def test_guessing_many_users_is_slowed_by_the_address_and_by_the_network_of_an_ipv6_one() -> None:
    slow = Attempts(Clock())
    for number in range(OF_ADDRESS):
        address = ip_address(f"2001:db8::{number:x}")
        assert not slow.begin(address, f"user-{number}")
        slow.failed(address, f"user-{number}")
    slow.begin(ip_address("2001:db8::ffff"), "")
    assert slow.begin(ip_address("2001:db8::fffe"), "")
    assert not slow.begin(ip_address("2001:db8:0:1::1"), "")


def test_who_has_been_right_somewhere_is_not_kept_out_there_by_others() -> None:
    clock = Clock()
    slow = Attempts(clock)
    slow.succeeded(THERE, "ada")
    guesses(slow, clock, 600)
    slow.begin(HERE, "ada")
    assert slow.begin(HERE, "ada")
    assert not slow.begin(THERE, "ada")


def test_being_right_forgives_no_failures_of_the_address() -> None:
    """A guesser may have an account."""
    slow = Attempts(Clock())
    for number in range(OF_ADDRESS):
        slow.failed(HERE, f"user-{number}")
        slow.succeeded(HERE, "mallory")
    slow.begin(HERE, "x")
    assert slow.begin(HERE, "y")


def test_time_forgives() -> None:
    clock = Clock()
    slow = Attempts(clock)
    for _ in range(50):
        slow.failed(HERE, "ada")
    slow.begin(HERE, "ada")
    assert slow.begin(HERE, "ada")
    clock.now += 901
    assert not slow.begin(HERE, "ada")
    assert not slow.begin(HERE, "ada")


def test_only_so_much_is_remembered() -> None:
    slow = Attempts(Clock())
    for number in range(attempts._MOST + 100):
        slow.failed(ip_address(number), f"user-{number}")
        slow.succeeded(ip_address(number), f"right-{number}")
    assert len(slow._addresses._records) == len(slow._users._records) == len(slow._right) == attempts._MOST
