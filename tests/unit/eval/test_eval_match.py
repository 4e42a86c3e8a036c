"""The rule of ``make eval``: what is found, what is right, what is wrong, and when a floor is broken."""

from __future__ import annotations

from tests.eval import floors
from tests.eval.document import Document, Span
from tests.eval.match import Found, judge
from tests.eval.score import Reading, score

SECRETS = frozenset({"GITHUB_TOKEN", "GENERIC_SECRET"})
TEXT = "Ask Maria Lopez of 12 Long Meadow Street, Springfield, or use ghp_0123456789."


def document(*spans: tuple[str, str], benign: bool = False, optional: bool = False) -> Document:
    gold = tuple(
        Span(TEXT.index(value), TEXT.index(value) + len(value), entity, optional) for value, entity in spans
    )
    return Document("x", "letter", TEXT, gold, benign=benign)


def finding(value: str, entity: str, score: float = 0.9) -> Found:
    return Found(TEXT.index(value), TEXT.index(value) + len(value), entity, score)


def found(gold: tuple[str, str], *findings: Found, lenient: bool = False) -> bool:
    ((_, is_found),) = judge(document(gold), findings, SECRETS, lenient)[0]
    return is_found


def verdicts(gold: tuple[str, str], *findings: Found) -> list[bool]:
    return [right for _, right in judge(document(gold), findings, SECRETS)[1]]


PERSON = ("Maria Lopez", "PERSON")
ADDRESS = ("12 Long Meadow Street, Springfield", "STREET_ADDRESS")


def test_a_short_value_has_to_be_found_whole() -> None:
    assert found(PERSON, finding("Maria Lopez", "PERSON"))
    assert found(PERSON, finding("aria Lopez", "PERSON"))
    assert found(PERSON, finding("Maria", "PERSON"), finding("Lopez", "PERSON"))
    assert not found(PERSON, finding("Maria", "PERSON"))
    assert not found(PERSON, finding("Maria Lopez", "LOCATION"))
    assert not found(PERSON)


def test_of_a_long_value_four_fifths_have_to_be_found() -> None:
    assert found(ADDRESS, finding("Long Meadow Street, Springfield", "STREET_ADDRESS"))
    assert not found(ADDRESS, finding("12 Long Meadow Street", "STREET_ADDRESS"))


def test_any_kind_of_secret_finds_a_secret() -> None:
    assert found(("ghp_0123456789", "GITHUB_TOKEN"), finding("ghp_0123456789", "GENERIC_SECRET"))
    assert not found(("ghp_0123456789", "GITHUB_TOKEN"), finding("ghp_0123456789", "PERSON"))


def test_a_tool_that_reports_lines_finds_what_it_touches() -> None:
    assert found(ADDRESS, finding("Long", "STREET_ADDRESS"), lenient=True)


def test_a_passport_of_another_country_is_a_passport_and_a_tax_number_is_no_ssn() -> None:
    assert found(("0123456789", "US_PASSPORT"), finding("0123456789", "UK_PASSPORT"))
    assert not found(("0123456789", "US_SSN"), finding("0123456789", "US_ITIN"))


def test_a_finding_is_right_where_it_overlaps_gold_of_its_kind_and_wrong_elsewhere() -> None:
    assert verdicts(PERSON, finding("Maria", "PERSON"), finding("Ask", "PERSON")) == [False, True]
    assert verdicts(PERSON, finding("Maria Lopez", "ORGANIZATION")) == [False]


def test_a_name_inside_an_address_counts_as_neither_and_one_across_its_edge_as_wrong() -> None:
    assert verdicts(ADDRESS, finding("Springfield", "LOCATION")) == []
    assert verdicts(ADDRESS, finding("Maria Lopez of 12", "LOCATION")) == [False]


def test_what_is_optional_is_neither_missed_nor_wrong() -> None:
    gold = document(PERSON, optional=True)
    assert judge(gold, [], SECRETS) == ([], [])
    assert judge(gold, [finding("Maria Lopez", "PERSON")], SECRETS) == ([], [])
    assert judge(gold, [finding("Maria Lopez", "LOCATION")], SECRETS)[1][0][1] is False


class Tool:
    name = "tool"
    entities = frozenset({"PERSON", "GITHUB_TOKEN"})
    secrets = SECRETS
    lenient = False

    def find(self, document: Document) -> list[Found]:
        raise NotImplementedError


def result(*findings: Found, least: float = 0.0) -> floors.Result:
    readings = [Reading(document(PERSON), findings)] * 12 + [Reading(document(benign=True), findings)]
    return score("tool", Tool(), readings, 1.0, least)


def test_findings_in_benign_text_are_counted_apart_and_names_among_them() -> None:
    counted = result(finding("Maria Lopez", "PERSON"), finding("ghp_0123456789", "GITHUB_TOKEN"))
    assert counted.rows["PERSON"].recall == 1.0
    assert counted.rows["PERSON"].precision == 1.0
    assert (counted.rows["PERSON"].benign, counted.rows["SECRET"].benign) == (1, 1)
    per_100_kb = 100_000 / len(TEXT)
    assert counted.total(counted.benign).rate(names=False) == per_100_kb
    assert counted.total(counted.benign).rate(names=True) == 2 * per_100_kb


def test_findings_below_the_least_score_do_not_count() -> None:
    assert result(finding("Maria Lopez", "PERSON", 0.3), least=0.4).rows["PERSON"].recall == 0.0


def test_entities_that_have_no_gold_are_not_judged() -> None:
    assert result(finding("Maria Lopez", "URL")).rows["URL"].wrong == 0


def test_floors_hold_for_what_they_were_measured_on_and_break_for_less() -> None:
    good = result(finding("Maria Lopez", "PERSON"))
    stored = floors.measured(good)
    assert stored["entities"]["PERSON"] == {"recall": 0.99, "precision": 0.99}
    assert floors.broken(good, stored) == []
    worse = result(finding("Maria", "PERSON"), finding("Ask", "PERSON"))
    problems = floors.broken(worse, stored)
    assert any("PERSON: recall 0.000, floor 0.99" in problem for problem in problems)
    assert any("PERSON: precision 0.500" in problem for problem in problems)
    assert any("benign text, all:" in problem for problem in problems)


def test_the_stored_floors_are_of_entities_that_are_judged() -> None:
    stored = floors.load()
    assert stored["entities"]["SECRET"]["recall"] > 0.5
    assert all(0 <= floor <= 1 for floors_of in stored["entities"].values() for floor in floors_of.values())
