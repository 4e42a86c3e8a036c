"""Both scanners lead to the same matches as trying every expression over the whole text, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outgate.dlp import entities, examples, one_pass, presidio
from outgate.dlp.config import DetectorConfig
from outgate.dlp.expression import UntranslatableError, superset
from outgate.dlp.patterns import rules
from outgate.dlp.projection import project
from outgate.dlp.scanner import Expression, PythonScanner, Scanner, Window, matches

RULES = [rule for pack in ("secrets", "pii") for rule in rules(pack)]
OWN = [Expression(rule.pattern) for rule in RULES]
# What no shipped rule has, or has in another place.
ODD = [
    Expression(r"(?<=key )[a-f]{3,9}"),
    Expression(r"(?<![0-9])[0-9]{3,}(?![0-9])"),
    Expression(r"(ab|cd)x\1"),
    Expression(r"(?i)straße\s[ÄÖÜ]\d+"),
    Expression(r"[^a-z\s]{4}"),
    Expression(r"\bé\w*\b"),
    Expression(r"^start", int(re.MULTILINE)),
    Expression(r"end$", int(re.MULTILINE)),
    Expression(r"a(?:b|cd?){2,}?e*"),
    Expression(r"(?>x+)y"),
    Expression(r"z{2,300}(?!q|z)"),
    Expression(r"\d(?:[ .-]?\d){6,14}"),
    Expression(r"q(?!uiet)\w{2,}(?=[.!])(?!\.\.)"),
    Expression(r"ключ|schl(?:ü|ue)ssel|\d{3}-\d{4}|[a-f0-9]{16}(?!x)|quick", int(re.IGNORECASE)),
    Expression(r"(?<=sum: )[A-Z2-7]{18,40}=?"),
    Expression(r"t_(?:[a-z]{6}\d){3}"),
    Expression(r"(?:生日|name)[:=]\w{1,90}"),
]


# Digits of other scripts are digits in a normalised text only, in which they are ASCII's.
ALPHABET = st.characters(exclude_categories=("Nd", "Cs"), include_characters="0123456789")


def found(scanner: Scanner, expressions: Sequence[Expression], text: str) -> dict[int, list[tuple[int, int]]]:
    """Spans by expression, with the expression itself as the judge."""
    answer: dict[int, list[tuple[int, int]]] = {}
    for index, windows in scanner.windows(text):
        compiled = regex.compile(expressions[index].pattern, expressions[index].flags)
        spans = [match.span() for match in matches(compiled, text, windows)]
        if spans:
            answer[index] = spans
    return answer


def tried(expressions: Sequence[Expression], text: str) -> dict[int, list[tuple[int, int]]]:
    """Spans by expression, the plain way."""
    answer: dict[int, list[tuple[int, int]]] = {}
    for index, expression in enumerate(expressions):
        compiled = regex.compile(expression.pattern, expression.flags)
        spans = [match.span() for match in compiled.finditer(text) if match.end() > match.start()]
        if spans:
            answer[index] = spans
    return answer


@pytest.fixture(scope="module")
def odd() -> Scanner:
    return one_pass.build(ODD, None, "now")


@pytest.fixture(scope="module")
def own(patterns_folder: Path) -> Scanner:
    return one_pass.build(OWN, patterns_folder, "now")


def test_hyperscan_is_what_runs_here(odd: Scanner) -> None:
    assert odd.kind == "hyperscan"


PIECES = st.sampled_from(
    """key  abc def abxab cdxcd abxcd 123 12 4567890 020-7946-0958 STRASSE straße Ä7 ü12 é été ß é_1 start end
    ключ КЛЮЧ schlüssel SCHLUESSEL 0123456789abcdef fedcba98765432100x sum: MFRGGZDFMZTWQ2LKNNWG MFRGGZDF=
    t_abcdef1ghijkl2mnopqr3 生日:x name=y __
    \nstart end\n acdcde abab xxxy zzzz zzzq quick. quiet. quit... ! A1_B --== \u00a0 \u200b 😀""".split(" ")
)
GAPS = [0, 1, 30, 38, 39, 40, 41, 79, 80, 81, 82, 99, 100, 101, 200, 203]
TEXTS = st.one_of(
    st.lists(PIECES, max_size=30).map("".join),
    st.lists(PIECES, max_size=30).map(" ".join),
    # Marks are letters for one of Python's two engines and none for the other; digits of other scripts are
    # for a normalised text.
    st.text(
        st.one_of(st.characters(exclude_categories=("M", "Nd")), st.sampled_from("0123456789")), max_size=80
    ),
)


@given(TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_one_pass_finds_what_trying_everything_finds(odd: Scanner, text: str) -> None:
    assert found(odd, ODD, text) == tried(ODD, text)


@given(st.lists(st.tuples(PIECES, st.sampled_from(GAPS)), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_what_stands_far_from_digits_and_at_the_edges_of_what_is_looked_at_is_found(
    odd: Scanner, parts: list[tuple[str, int]]
) -> None:
    text = "".join(piece + gap * " " for piece, gap in parts)
    assert found(odd, ODD, text) == tried(ODD, text)
    text = "".join(piece + gap * "x" for piece, gap in parts)
    assert found(odd, ODD, text) == tried(ODD, text)
    text = "".join(piece + gap * "-" for piece, gap in parts)
    assert found(odd, ODD, text) == tried(ODD, text)


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        (r"\d", {"digits"}),
        (r"[0-4][a-z]", {"digits"}),
        (r"x(?:a1|2)", {"digits"}),
        (r"x(?:a1|b)", {"anywhere"}),
        (r"a1|b", {"digits", "anywhere"}),
        (r"(?i)(?:a1|(?P<n>b|c2))", {"digits", "anywhere"}),
        (r"a\d*", {"anywhere"}),
        (r"a(?:b\d){1,4}", {"digits"}),
        (r"[\da-f]", {"anywhere"}),
        (r"a(?=\d)", {"anywhere"}),
        (r"(?>x7)", {"digits"}),
        (r"\d.{40}", {"anywhere"}),
        (r"(?<=x{20})\d{20}.", {"runs"}),
        (r"(?<=x{40})\d{4}", {"anywhere"}),
        (r"[a-z]{15}", {"anywhere"}),
        (r"[a-z]{8}[A-Z0-9]{8}", {"runs"}),
        (r"[a-z]{8}-[a-z]{8}", {"anywhere"}),
        (r"(?:[a-z]{8}-[a-z]{8}){2}", {"runs"}),
        (r"(?:[a-z]{8}-?){2}", {"anywhere"}),
        (r"ab(?:[a-z]{20}|[a-z]{14})(?!\w)", {"runs"}),
        (r"\w{30}", {"anywhere"}),
        (r"[a-z]{16}.{0,100}", {"anywhere"}),
        ("é", {"beyond"}),
        ("née?|geb", {"beyond", "anywhere"}),
        (r"[éè]\d", {"beyond"}),
        (r"[éa]", {"anywhere"}),
        (r"(?i)\u017f", {"anywhere"}),
        (r"[^a]", {"anywhere"}),
    ],
)
def test_it_is_known_where_an_expression_need_be_looked_for(pattern: str, places: set[str]) -> None:
    assert superset(pattern, 0).sources.keys() == places


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_pythons_own_expressions_serve_as_well(text: str) -> None:
    assert found(PythonScanner(ODD), ODD, text) == tried(ODD, text)


def holds_for_texts_of(own: Scanner, number: int) -> None:
    rule = RULES[number]

    @given(st.from_regex(rule.pattern, alphabet=ALPHABET))
    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def holds(made: str) -> None:
        text = f"some words, {made} and more"
        assert found(own, OWN, text).get(number) == tried([OWN[number]], text).get(0), (rule.id, text)

    holds()


@pytest.mark.parametrize("part", range(16))
def test_texts_made_of_a_rules_own_pattern_are_found(own: Scanner, part: int) -> None:
    for number in range(part, len(RULES), 16):
        holds_for_texts_of(own, number)


def test_all_examples_together_in_several_dresses(own: Scanner) -> None:
    plain = " ; ".join(
        examples.expand(template) for rule in RULES for template in (*rule.match, *rule.ignore)
    )
    for text in (plain, plain.replace("a", "ä"), plain.replace(" ", "\u00a0"), plain.upper(), plain * 2):
        assert found(own, OWN, text) == tried(OWN, text)


def test_every_pattern_of_every_recognizer_is_taken_by_hyperscan() -> None:
    config = DetectorConfig(entities=frozenset(entities.catalogue()))
    for detector in presidio.detectors(config):
        for expression in detector.expressions:
            superset(expression.pattern, expression.flags)


def test_an_expression_that_may_match_nothing_is_refused_and_still_looked_for() -> None:
    with pytest.raises(UntranslatableError):
        superset("a*", 0)
    scanner = one_pass.build([Expression("a*"), Expression("b+")], None, "now")
    assert found(scanner, [Expression("a*"), Expression("b+")], "xxaab") == {0: [(2, 4)], 1: [(4, 5)]}


@given(st.text())
def test_a_projected_text_has_a_byte_for_each_character(text: str) -> None:
    projected = project(text)
    assert len(projected) == len(text)
    for char, byte in zip(text, projected, strict=True):
        if char.isascii():
            assert ord(char) == byte
        elif re.fullmatch(r"\w", char):
            assert re.fullmatch(rb"\w", bytes([byte]))
        else:
            assert byte >= 0x80


def test_a_match_may_go_on_behind_its_window() -> None:
    text = "x" * 10 + "1" * 500 + "y"
    window = [Window(8, 13, 77, 77)]
    assert [m.span() for m in matches(re.compile("1{3,}"), text, window)] == [(10, 510)]


CRASHED = """
import sys
from outgate.dlp import one_pass
from outgate.dlp.scanner import Expression
scanner = one_pass.build([Expression(sys.argv[1])], None, "now")
for text in ("\\n" * 777, "x" * 5_000, "xxxy " * 500 + "abab" * 90):
    for shorter in range(40):
        list(scanner.windows(text[shorter:]))
print(scanner.kind, [[window.start for window in windows] for _, windows in scanner.windows("key xxy")])
"""


@pytest.mark.parametrize(
    "pattern", ["x+y", "xx*y", "x+yz|k", "(?:ab)+y|k", "k|(?>x+)y", "(?i)(?:x|xx)+y[0-9]|k"]
)
def test_what_makes_the_library_crash_is_not_asked_of_it(pattern: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHED, pattern], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "hyperscan [[0]]\n"), done.stderr


def test_what_ends_its_process_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgate.dlp.expression._begins_open", lambda _: False)
    some = [Expression("x+y"), Expression(r"key=\d")]
    scanner = one_pass.build(some, None, "now")
    assert scanner.kind == "hyperscan"
    assert found(scanner, some, "\n" * 777 + "xxy key=1") == {0: [(777, 780)], 1: [(781, 786)]}


def test_windows_that_overlap_a_match_give_it_once() -> None:
    windows = [Window(0, 3, 20, 20), Window(5, 9, 20, 20)]
    assert [m.span() for m in matches(re.compile(r"\d+"), "0123456789 ", windows)] == [(0, 10)]


def test_compiled_patterns_are_kept_and_only_ours_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "patterns"
    one_pass.build(ODD, folder, "now")
    (kept,) = folder.glob("*.hs")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    content = kept.read_bytes()

    def survives(change: bytes) -> bool:
        """Whether the file is taken as it is (True) or made anew."""
        kept.write_bytes(change)
        assert found(one_pass.build(ODD, folder, "now"), ODD, "key fed") == {0: [(4, 7)]}
        return kept.read_bytes() == change

    assert survives(content)
    assert not survives(content[:-1])
    assert not survives(content[:60] + bytes([content[60] ^ 1]) + content[61:])
    kept.chmod(0o622)
    before = kept.stat().st_ino
    one_pass.build(ODD, folder, "now")
    assert kept.stat().st_ino != before
    elsewhere = tmp_path / "other.hs"
    elsewhere.write_bytes(content)
    kept.unlink()
    kept.symlink_to(elsewhere)
    one_pass.build(ODD, folder, "now")
    assert not kept.is_symlink()


def test_until_patterns_are_compiled_pythons_serve(tmp_path: Path) -> None:
    scanner = one_pass.build(ODD, tmp_path / "patterns", "later")
    assert found(scanner, ODD, "key fed") == {0: [(4, 7)]}
    for _ in range(400):
        if scanner.kind == "hyperscan":
            break
        time.sleep(0.05)
    assert scanner.kind == "hyperscan"
    assert found(scanner, ODD, "key fed") == {0: [(4, 7)]}


def test_what_a_match_need_not_have_is_read_only_where_it_can_begin() -> None:
    text = "ab cd" + "x" * 500
    window = [Window(0, 5, 69, len(text))]
    assert [m.span() for m in matches(re.compile(r"cdx{2,}"), text, window)] == [(3, 505)]
    assert [m.span() for m in matches(re.compile(r"b (?!cdx{200})\w+|d\w+"), text, window)] == [(4, 505)]
    assert not list(matches(re.compile(r"c(?!dx{200})\w+"), text, window))
