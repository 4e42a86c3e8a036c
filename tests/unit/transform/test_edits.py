"""Decisions applied to raw bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_exchanges import EXCHANGE
from outgate.model import BODY, TARGET, Action, Decision, Document, Exchange, Finding, Part, Role, Segment
from outgate.transform.edits import Edited, InconsistentError, UneditableError, apply
from outgate.transform.operators import fingerprint
from outgate.wire import json_spans

KEY = b"k" * 32


def exchange(body: bytes = b"", target: bytes = b"/v1/chat/completions", **headers: bytes) -> Exchange:
    return replace(
        EXCHANGE,
        target=target,
        headers=tuple((name.encode(), value) for name, value in headers.items()),
        body=body,
    )


def segments(body: bytes, *, editable: Callable[[str], bool] = lambda _place: True) -> tuple[Segment, ...]:
    tree = json_spans.scan(body)
    return tuple(
        Segment(
            scalar.text,
            Role.USER,
            f"{scalar.path} (key)" if scalar.kind is json_spans.Kind.KEY else scalar.path,
            BODY,
            scalar.start,
            scalar.end,
            "json_number" if scalar.kind is json_spans.Kind.NUMBER else "json_string",
            editable(scalar.path),
        )
        for scalar in tree.scalars
        if scalar.kind is not json_spans.Kind.LITERAL
    )


def decide(
    document: Document,
    value: str,
    action: Action = Action.REDACT,
    entity: str = "PERSON",
    rule: str | None = "a rule",
) -> list[Decision]:
    """A decision for every occurrence of ``value`` in the document."""
    found: list[Decision] = []
    for index, segment in enumerate(document.segments):
        start = segment.text.find(value)
        while start >= 0:
            finding = Finding(index, start, start + len(value), entity, 0.875, "test")
            found.append(Decision(finding, rule, action))
            start = segment.text.find(value, start + len(value))
    return found


def run(body: bytes, *wanted: tuple[str, Action], edit: bool = True) -> Edited:
    document = Document(segments(body))
    decisions = [decision for value, action in wanted for decision in decide(document, value, action)]
    return apply(exchange(body), body, document, decisions, KEY, edit=edit)


def test_without_decisions_nothing_changes_and_nothing_is_recorded() -> None:
    assert run(b'{"a": "b"}') == Edited()


def test_only_the_edited_spans_of_a_body_change() -> None:
    body = b'{ "n" : 1.50e3,\n "to": "J\\u0061ne \\u00e9t\\u00e9", "again":"x Jane y Jane", "n": null }\n'
    edited = run(body, ("Jane", Action.REDACT))
    assert edited.body == (
        b'{ "n" : 1.50e3,\n "to": "[REDACTED PERSON] \\u00e9t\\u00e9", '
        b'"again":"x [REDACTED PERSON] y [REDACTED PERSON]", "n": null }\n'
    )
    assert edited.target is None
    assert edited.headers == {}


@pytest.mark.parametrize("action", [Action.ALLOW, Action.AUDIT, Action.BLOCK])
def test_a_decision_that_does_not_edit_leaves_the_body_and_is_recorded(action: Action) -> None:
    edited = run(b'{"a": "Jane"}', ("Jane", action))
    assert (edited.body, edited.target, edited.headers) == (None, None, {})
    assert [record.action for record in edited.records] == [action]


def test_a_decision_of_no_rule_is_recorded_all_the_same() -> None:
    body = b'{"a": "Jane"}'
    document = Document(segments(body))
    (record,) = apply(
        exchange(body), body, document, decide(document, "Jane", Action.ALLOW, rule=None), KEY
    ).records
    assert (record.rule, record.action, record.role, record.place) == (None, Action.ALLOW, Role.USER, "a")
    assert (record.score, record.fingerprint) == (0.875, fingerprint("PERSON", "Jane", KEY))


def test_a_blocked_exchange_has_records_and_no_edits() -> None:
    edited = run(b'{"a": "Jane"}', ("Jane", Action.REDACT), edit=False)
    assert edited.body is None
    assert len(edited.records) == 1


def test_body_target_and_headers_are_edited_each_in_their_own_spelling() -> None:
    body = b'{"a": "Jane"}'
    target = b"/v1/x?who=J%61ne&y=1"
    document = Document(
        (
            *segments(body),
            Segment("Jane", Role.METADATA, "query:who", TARGET, 10, 16, "form"),
            Segment("for Jane", Role.METADATA, "header:x-title", Part("header", 1), 0, 8, "latin1"),
        )
    )
    edited = apply(
        exchange(body, target, accept=b"*/*", x_title=b"for Jane"),
        body,
        document,
        decide(document, "Jane"),
        KEY,
    )
    assert edited.body == b'{"a": "[REDACTED PERSON]"}'
    assert edited.target == b"/v1/x?who=%5BREDACTED%20PERSON%5D&y=1"
    assert edited.headers == {1: b"for [REDACTED PERSON]"}


def test_a_number_that_is_edited_becomes_a_string() -> None:
    edited = run(b'{"card": 4111111111111111, "n": 7}', ("4111111111111111", Action.HASH))
    assert edited.body is not None
    assert json.loads(edited.body)["card"].startswith("PERSON_")
    assert edited.body.endswith(b', "n": 7}')


def test_segments_may_come_in_any_order() -> None:
    body = b'{"a": "Jane", "b": "Jane"}'
    document = Document(tuple(reversed(segments(body))))
    edited = apply(exchange(body), body, document, decide(document, "Jane"), KEY)
    assert edited.body == b'{"a": "[REDACTED PERSON]", "b": "[REDACTED PERSON]"}'


def spans(*wanted: tuple[int, int, Action, str]) -> bytes | None:
    body = b'"0123456789"'
    document = Document(segments(body))
    decisions = [Decision(Finding(0, s, e, entity, 1, "t"), None, action) for s, e, action, entity in wanted]
    return apply(exchange(body), body, document, decisions, KEY).body


def test_overlapping_findings_are_covered_by_one_replacement_named_after_the_longest() -> None:
    edited = spans(
        (1, 4, Action.REDACT, "SHORT"), (3, 8, Action.REDACT, "LONG"), (9, 10, Action.REDACT, "LAST")
    )
    assert edited == b'"0[REDACTED LONG]8[REDACTED LAST]"'


def test_overlapping_findings_with_different_actions_are_redacted() -> None:
    assert spans((1, 9, Action.MASK, "A"), (2, 5, Action.HASH, "B")) == b'"0[REDACTED A]9"'


def test_findings_that_only_touch_are_replaced_one_by_one() -> None:
    assert (
        spans((4, 6, Action.REDACT, "B"), (2, 4, Action.REDACT, "A")) == b'"01[REDACTED A][REDACTED B]6789"'
    )


def test_an_edit_of_signed_words_is_refused_with_its_place_rule_and_the_records() -> None:
    body = b'{"thinking": "Jane", "text": "Jane"}'
    document = Document(segments(body, editable=lambda place: place != "thinking"))
    with pytest.raises(UneditableError) as caught:
        apply(exchange(body), body, document, decide(document, "Jane"), KEY)
    assert (caught.value.place, caught.value.rule, len(caught.value.records)) == ("thinking", "a rule", 2)


def test_signed_words_may_be_audited() -> None:
    body = b'{"thinking": "Jane"}'
    document = Document(segments(body, editable=lambda _place: False))
    edited = apply(exchange(body), body, document, decide(document, "Jane", Action.AUDIT), KEY)
    assert (edited.body, len(edited.records)) == (None, 1)


def test_a_finding_in_a_key_is_in_no_place_not_even_of_what_lies_below_it() -> None:
    body = b'{"Morgenstern": {"phone": "555"}, "x": {"jane@example.org": ["555"]}}'
    document = Document(segments(body))
    decisions = [
        decision
        for value in ("Morgenstern", "jane@example.org", "555")
        for decision in decide(document, value, Action.AUDIT)
    ]
    records = apply(exchange(body), body, document, decisions, KEY).records
    assert [record.place for record in records] == ["* (key)", 'x["*"] (key)', "*.phone", 'x["*"][0]']


def test_a_key_is_edited_like_any_other_string() -> None:
    assert run(b'{"Jane": 1}', ("Jane", Action.REDACT)).body == b'{"[REDACTED PERSON]": 1}'


@pytest.mark.parametrize("finding", [(0, 2, 5), (0, -1, 2), (0, 2, 2), (1, 0, 1), (-1, 0, 1)])
def test_a_finding_outside_its_segment_is_never_guessed_at(finding: tuple[int, int, int]) -> None:
    body = b'"Jane"'
    decision = Decision(Finding(*finding, "PERSON", 1, "t"), None, Action.REDACT)
    with pytest.raises(InconsistentError):
        apply(exchange(body), body, Document(segments(body)), [decision], KEY)


@pytest.mark.parametrize("second", [(3, 9), (0, 6), (20, 30)])
def test_segments_of_one_part_that_overlap_or_lie_outside_it_are_refused(second: tuple[int, int]) -> None:
    body = b'"Jane Jane"'
    document = Document(
        (
            Segment("Jane ", Role.USER, "a", BODY, 0, 6, "utf8"),
            Segment("Jane", Role.USER, "b", BODY, *second, "utf8"),
        )
    )
    with pytest.raises(InconsistentError):
        apply(exchange(body), body, document, decide(document, "Jane"), KEY)


_names = st.sampled_from(["Jane", "J\u00e4ne \U0001f600", 'a"b\\c', "\u2028x\r\n"])
_texts = st.lists(st.one_of(_names, st.text(max_size=6)), max_size=6).map("".join)


@given(
    st.lists(_texts, min_size=1, max_size=6),
    _names,
    st.booleans(),
    st.sampled_from([Action.REDACT, Action.HASH]),
)
@settings(max_examples=200, deadline=None)
def test_an_edited_body_reads_as_the_original_with_the_value_replaced(
    texts: list[str], value: str, ascii_only: bool, action: Action
) -> None:
    body = json.dumps({"t": texts}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        document = Document(segments(body))
    except Exception:
        assert not ascii_only  # a raw lone surrogate is no UTF-8, and is refused before any edit
        return
    decisions = decide(document, value, action)
    edited = apply(exchange(body), body, document, decisions, KEY)
    if not decisions:
        assert edited.body is None
        return
    assert edited.body is not None
    stand_in = "[REDACTED PERSON]" if action is Action.REDACT else None
    got = json.loads(edited.body)["t"]
    if stand_in:
        assert got == [text.replace(value, stand_in) for text in texts]
    else:
        assert not any(value in text for text in got)
