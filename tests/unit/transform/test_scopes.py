"""Whose placeholders a request's are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from outgate.model import BODY, Document, Exchange, Identity, Role, Scope, Segment
from outgate.transform.scopes import scope_of

KEY = b"k" * 32
ALICE = Identity("alice", ("dev", "berlin"))
EXCHANGE = Exchange(
    id="ref",
    time=datetime(2026, 1, 2, tzinfo=UTC),
    client=ip_address("10.1.2.3"),
    method="POST",
    scheme="https",
    host="api.example.test",
    port=443,
    target=b"/",
    headers=(),
    body=b"",
)


def document(*said: tuple[Role, str, str]) -> Document:
    return Document(
        tuple(Segment(text, role, place, BODY, 0, 0, "json_string") for role, place, text in said)
    )


def scope(kind: Scope, who: Identity = ALICE, what: Document | None = None) -> str:
    return scope_of(kind, replace(EXCHANGE, identity=who), what or document(), KEY)


@pytest.mark.parametrize(
    ("kind", "who", "told"),
    [
        ("user", ALICE, "user:alice"),
        ("user", Identity(), "address:10.1.2.3"),
        ("group", Identity("alice", ("dev",)), "group:dev"),
        ("group", ALICE, "group:berlin\ndev"),
        ("group", Identity("alice"), "user:alice"),
        ("group", Identity(), "address:10.1.2.3"),
    ],
)
def test_a_scope_is_named_after_who_it_is_of(kind: Scope, who: Identity, told: str) -> None:
    assert scope(kind, who) == told


def test_nobody_is_taken_for_a_user_who_is_called_like_an_address() -> None:
    assert scope("user", Identity("10.1.2.3")) != scope("user", Identity())


FIRST = (
    (Role.SYSTEM, "messages[0].content", "You help. Today is Monday."),
    (Role.USER, "messages[1].content[0].text", "hello"),
    (Role.USER, "messages[1].content[1].text", "world"),
)
GROWN = (
    *FIRST,
    (Role.ASSISTANT, "messages[2].content", "Hi."),
    (Role.USER, "messages[3].content", "and now?"),
)


def test_a_conversation_is_the_same_while_it_grows() -> None:
    assert scope("conversation", what=document(*FIRST)) == scope("conversation", what=document(*GROWN))
    tomorrow = ((Role.SYSTEM, "messages[0].content", "You help. Today is Tuesday."), *FIRST[1:])
    assert scope("conversation", what=document(*tomorrow)) == scope("conversation", what=document(*FIRST))


def test_another_first_message_or_person_is_another_conversation() -> None:
    one = scope("conversation", what=document(*FIRST))
    assert one != scope("conversation", what=document(*FIRST[:2]))
    assert one != scope("conversation", Identity("bob"), document(*FIRST))
    assert "hello" not in one


def test_a_websocket_is_one_conversation_whatever_its_messages_say() -> None:
    exchange = replace(EXCHANGE, identity=ALICE, websocket=True, connection="c1")
    one = scope_of("conversation", exchange, document(*FIRST), KEY)
    assert one == scope_of("conversation", exchange, document(*GROWN[3:]), KEY)
    assert one != scope_of("conversation", replace(exchange, connection="c2"), document(*FIRST), KEY)
    assert one != scope_of("conversation", replace(exchange, identity=Identity("bob")), document(*FIRST), KEY)
    assert scope_of("user", exchange, document(*FIRST), KEY) == "user:alice"


def test_a_prompt_that_is_no_list_is_its_own_first_message() -> None:
    one, other = (document((Role.USER, "input", text)) for text in ("hello", "bye"))
    assert scope("conversation", what=one) != scope("conversation", what=other)
