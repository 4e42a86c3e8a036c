"""Text as it looks, and where what it shows stands in the text as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp.disguise import lookalikes, views

KEY = "sk-live-" + "Made1Up2Key3For4Tests5"
MAIL = "jane.doe@example.com"
CARD = "4111 1111 1111 1111"


def shown(text: str) -> str:
    """The text as it looks; itself when it looks as it is."""
    return next((view.text for view in views(text) if view.kind == "normalised"), text)


def original(text: str, value: str) -> str:
    """The stretch of ``text`` that an edit of ``value`` would replace."""
    for view in views(text):
        at = view.text.find(value)
        if at >= 0:
            start, end = view.original(at, at + len(value))
            return text[start:end]
    raise AssertionError(f"{value} is not seen")


def look_alike(value: str, alphabet: str) -> str:
    """``value`` in the letters of another alphabet, as far as it has them."""
    swap = {
        chr(to): chr(point)
        for point, to in lookalikes.FOREIGN.items()
        if alphabet in unicodedata.name(chr(point), "") and chr(point).isalpha()
    }
    return "".join(swap.get(character, character) for character in value)


def mathematical(value: str) -> str:
    bold = {c: chr(0x1D400 + ord(c) - 65) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    bold |= {c: chr(0x1D41A + ord(c) - 97) for c in "abcdefghijklmnopqrstuvwxyz"}
    bold |= {c: chr(0x1D7CE + ord(c) - 48) for c in "0123456789"}
    return "".join(bold.get(character, character) for character in value)


DISGUISES = {
    "zero-width space": "\u200b".join,
    "zero-width joiner": "\u200d".join,
    "word joiner": "\u2060".join,
    "byte order mark": "\ufeff".join,
    "soft hyphen": "\u00ad".join,
    "tags": "\U000e0041".join,
    "variation selectors": "\ufe0f".join,
    "grapheme joiner": "\u034f".join,
    "direction marks": "\u200e\u200f".join,
    "several at once": "\u200b\u00ad\u2060".join,
    "fullwidth": lambda value: "".join(chr(ord(c) + 0xFEE0) if c > " " else "\u3000" for c in value),
    "mathematical": mathematical,
    "Cyrillic": lambda value: look_alike(value, "CYRILLIC"),
    "Greek": lambda value: look_alike(value, "GREEK"),
    "Armenian": lambda value: look_alike(value, "ARMENIAN"),
    "accents": lambda value: value.replace("e", "é").replace("a", "ä"),
    "one letter": lambda value: value.replace("e", "е", 1),
    "no-break spaces": lambda value: value.replace(" ", "\u00a0"),
    "thin spaces": lambda value: value.replace(" ", "\u2009"),
    "no-break hyphens": lambda value: value.replace("-", "\u2011"),
    "en dashes": lambda value: value.replace("-", "–"),
    "Arabic digits": lambda value: "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in value),
    "circled digits": lambda value: value.replace("1111", "①①①①①①").replace("①①①①①①", "1111"),
}


@pytest.mark.parametrize("value", [KEY, MAIL, CARD])
@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_value_is_seen_and_exactly_it_is_replaced(disguise, value: str) -> None:
    disguised = disguise(value)
    if disguised != value:
        for before, after in (
            ("", ""),
            ("the value is ", " today"),
            ("(", ")"),
            ('{"a": "', '"}'),
            ("é ", "\nü"),
        ):
            assert original(before + disguised + after, value) == disguised


@pytest.mark.parametrize("mark", ["\u0332", "\u0301", "\u0336\u0301", "\u20dd", "\ufe0f\u20e3"])
@pytest.mark.parametrize("value", [KEY, MAIL, CARD])
def test_combining_marks_go_with_the_characters_they_are_on(value: str, mark: str) -> None:
    disguised = "".join(character + mark if character > " " else character for character in value)
    assert original(f"x {disguised} y", value) == disguised
    assert original(f"x {disguised} y", value[1:]) == disguised[len(mark) + 1 :]


def test_direction_overrides_are_removed() -> None:
    text = f"\u202e\u2066{KEY[:9]}\u2069{KEY[9:]}\u202c end"
    assert original(text, KEY) == f"{KEY[:9]}\u2069{KEY[9:]}"


def test_ligatures_and_numerals_of_several_letters_are_spelt_out() -> None:
    assert original("mail ﬁona@example.com now", "fiona@example.com") == "ﬁona@example.com"
    assert original("mail ﬁona@example.com now", "ona@example.com") == "ona@example.com"


def test_tag_characters_are_read() -> None:
    hidden = "".join(chr(0xE0000 + ord(character)) for character in KEY)
    text = f"Hello{hidden} world"
    assert original(text, KEY) == hidden
    apart = "".join(
        letter + tag for letter, tag in zip("A perfectly harmless sentence it is.", hidden, strict=False)
    )
    assert KEY in [view.text for view in views(apart)]


def test_octets_in_variation_selectors_are_read() -> None:
    hidden = "".join(chr(0xFE00 + o) if o < 16 else chr(0xE0100 + o - 16) for o in KEY.encode())
    assert original(f"nice 😀{hidden} day", KEY) == hidden


def test_the_map_is_exact_on_both_sides_of_what_was_left_out() -> None:
    text = "a\u200bb\u0301c ｄ ﬁ e"
    (view,) = views(text)
    assert view.text == "abc d fi e"
    spans = [text[slice(*view.original(at, at + 1))] for at in range(len(view.text))]
    assert spans == ["a", "b\u0301", "c", " ", "ｄ", " ", "ﬁ", "ﬁ", " ", "e"]
    assert text[slice(*view.original(0, 2))] == "a\u200bb\u0301"
    assert text[slice(*view.original(0, 1))] == "a"


@pytest.mark.parametrize(
    "odd", ["\u2028", "\u2029", "\x85", "\r", "\x00", "😀", "\ud800", "\udfff\ud83d", "\u200b", "👩‍👩‍👧"]
)
def test_spans_are_right_beside_odd_characters(odd: str) -> None:
    disguised = KEY.replace("e", "е")
    text = f"{odd}{odd} {odd}x{odd} {disguised} {odd}{odd}"
    view = next(view for view in views(text) if KEY in view.text)
    at = view.text.index(KEY)
    start = text.index(disguised)
    assert view.original(at, at + len(KEY)) == (start, start + len(disguised))


@pytest.mark.parametrize(
    "text",
    [
        "Съешь же ещё этих мягких французских булок, да выпей чаю. Москва, 2024 год, USB-кабель, Python 3.12.",
        "Всё хорошо: вот А4, МР3, Т-34 и COVID-19; сайт пример.рф, письмо на почта@пример.рф",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Η τιμή του α είναι 3 και το β-καροτένιο 10 μg.",
        "Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis. Déjà vu, naïve, café.",
        "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Straße 12, Köln.",
        "Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul'da 34 ılık gün.",
        "Zażółć gęślą jaźń. Łódź, Świętokrzyskie.",
        "いろはにほへと、ちりぬるを。東京都（新宿区）：一二三！",
        "他说：“你好，世界！”（笑）；中文标点、全角。",
        "키스의 고유조건은 입술끼리 만나야 하고",
        "الخط العربي جميل، نص بلا أرقام",
        "می‌خواهم کتاب‌ها را بخوانم",
        "אבגד הוזח טיכל",
        "Great job 👍🏽 ❤️ 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 ☎️ done ✔︎",
        "“Curly quotes” — and dashes – it’s fine… 10–20, ½, ©, ™, €, 5 °C, x², H₂O, 2019–2020, №, ① ②",
        "Apple-овский гаджет, iPhone-ы, в Google-е",
        "Ωμέγα, Δt, λ-calculus, ∑, ∞, π ≈ 3.14",
        "ɪntəˈnæʃənəl fəˈnɛtɪk ˈælfəbɛt",
    ],
)
def test_ordinary_writing_stays_as_it_is(text: str) -> None:
    assert [view.kind for view in views(text)] == []


def test_chinese_punctuation_counts_beside_ascii_only() -> None:
    assert shown("password：Made1Up2（new），你好：世界") == "password:Made1Up2(new)，你好：世界"


def test_look_alikes_of_foreign_words_are_left_beside_those_that_are_folded() -> None:
    assert shown("сосед сказал: АКIА1234567890АВСD") == "сосед сказал: AKIA1234567890ABCD"


def test_no_character_stands_for_two_things() -> None:
    tables = [lookalikes.ALWAYS, lookalikes.FOREIGN, lookalikes.ACCENTED, lookalikes.WIDE_PUNCTUATION]
    points = [point for table in tables for point in table]
    assert len(points) == len(set(points))
    assert all(point > 0x7F and to < 0x7F for table in tables for point, to in table.items())


def test_styled_characters_become_what_compatibility_decomposition_says() -> None:
    for point, to in lookalikes.ALWAYS.items():
        form = unicodedata.normalize("NFKC", chr(point))
        if form.isascii() and form.strip():
            assert form == chr(to), hex(point)
        elif (digit := unicodedata.decimal(chr(point), None)) is not None:
            assert chr(to) == str(digit)


# --- anything at all -----------------------------------------------------------------------------------

INVISIBLE = st.sampled_from(
    ["\u200b", "\u200d", "\u00ad", "\u2060", "\ufe0f", "\u202e", "\ufeff", "\U000e0041\u200b"]
)
MARK = st.sampled_from(["\u0332", "\u0301", "\u20e3", "\u0336\u0301"])
SWAPS: dict[str, list[str]] = {}
for _table in (lookalikes.ALWAYS, lookalikes.FOREIGN):
    for _point, _to in _table.items():
        if _point not in lookalikes.SIGNS and chr(_point) not in "·。｡":
            SWAPS.setdefault(chr(_to), []).append(chr(_point))
TOKEN = st.from_regex(r"[A-Za-z0-9]{4}[A-Za-z0-9_-]{8,20}[0-9][A-Za-z0-9]{3}", fullmatch=True)
AROUND = st.text(st.sampled_from("ab 1.,é😀\n\x00\ud800жщ漢\u2028\u200b"), max_size=12)


@given(token=TOKEN, before=AROUND, after=AROUND, data=st.data())
@settings(max_examples=400, deadline=None)
def test_a_token_in_any_mixture_of_disguises_is_seen_where_it_stands(
    token: str, before: str, after: str, data: st.DataObject
) -> None:
    written = ""
    for index, character in enumerate(token):
        way = data.draw(st.integers(0, 5))
        if way == 1 and index:
            written += data.draw(INVISIBLE)
        if way == 2 and character in SWAPS:
            written += data.draw(st.sampled_from(SWAPS[character]))
        elif way == 3:
            written += character + data.draw(MARK)
        else:
            written += character
    text = f"{before} {written} {after}"
    if written == token:
        return
    start = len(before) + 1
    spans = {
        view.original(at, at + len(token))
        for view in views(text)
        for at in range(len(view.text))
        if view.text.startswith(token, at)
    }
    assert (start, start + len(written)) in spans
