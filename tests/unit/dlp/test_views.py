"""What a text says once its disguise is off, and where that stands in the text."""

from __future__ import annotations

import base64
import gzip
import json
import quopri
import re
import urllib.parse
import zlib

import pytest

from outgate.dlp.disguise import views

KEY = "sk-live-" + "Made1Up2Key3For4Tests5"
MAIL = "jane.doe@example.com"
CARD = "4111 1111 1111 1111"
VALUES = {"key": KEY, "mail": MAIL, "card": CARD, "ssn": "123-45-6789", "iban": "GB33BUKB20201555555555"}
LETTER = f"Dear team,\nthe new key is {KEY} and the card {CARD}.\nWrite to {MAIL}.\n" * 3


def originals(text: str, value: str, **bounds: int) -> set[str]:
    """The stretches of ``text`` that an edit of ``value`` in any view would replace."""
    return {
        text[slice(*view.original(found.start(), found.end()))]
        for view in views(text, **bounds)
        for found in re.finditer(re.escape(value), view.text)
    }


def kinds(text: str) -> list[str]:
    return [view.kind for view in views(text)]


def b64(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def percent(value: str) -> str:
    """Every character, not only those that have to be."""
    return "".join(f"%{octet:02X}" for octet in value.encode())


# --- encoded runs --------------------------------------------------------------------------------

WRITTEN = {
    "prose": "please use {} as the key",
    "line of its own": "first line\n{}\nlast",
    "last line": "the value is below\n{}",
    "backticks": "run `{}` now",
    "quotes": 'export VALUE="{}"',
    "csv": "17,{},2024-01-01\r\n",
    "json": '{{"a": {{"b": [{{"password": "{}"}}]}}}}',
    "data url": "data:text/plain;base64,{}",
    "parentheses": "({})",
    "query": "https://example.com/?q={}&page=2",
    "path": "/api/v1/items/{}/details",
    "after a name": "secret_{}",
    "markdown table": "| a | {} |",
    "xml": "<value>{}</value>",
}
RUNS = {
    "base64": b64,
    "unpadded": lambda value: b64(value).rstrip("="),
    "url-safe": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "url-safe unpadded": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "utf-16": lambda value: b64(value.encode("utf-16-le")),
    "hex": lambda value: value.encode().hex(),
    "upper-case hex": lambda value: value.encode().hex().upper(),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_an_encoded_value_is_seen_and_its_whole_run_is_replaced(written: str, run, value: str) -> None:
    encoded = run(value)
    text = written.format(encoded)
    assert encoded in originals(text, value)


def test_what_is_replaced_leaves_nothing_of_the_run() -> None:
    text = f"before {b64(KEY)} after"
    (view,) = views(text)
    start, end = view.original(view.text.index(KEY), view.text.index(KEY) + 3)
    assert text[:start] + text[end:] == "before  after"


@pytest.mark.parametrize("width", [60, 64, 76])
@pytest.mark.parametrize(
    "line_end", ["\n", "\r\n", "\r", "\n    ", "\r\n\t", "\n> ", '"\n  "', "\\n", "\\r\\n"]
)
@pytest.mark.parametrize("encode", [b64, lambda value: value.encode().hex()], ids=["base64", "hex"])
def test_a_wrapped_run_is_one_run(encode, line_end: str, width: int) -> None:
    encoded = encode(LETTER)
    wrapped = line_end.join(encoded[i : i + width] for i in range(0, len(encoded), width))
    text = f"attached:\n{wrapped}\nend of it"
    assert wrapped in originals(text, LETTER)


def test_a_word_below_a_run_is_not_a_part_of_it() -> None:
    for encoded in (b64(KEY).rstrip("="), b64(LETTER[:60]).rstrip("=")):
        (view,) = views(f"{encoded}\nlast\n")
        assert view.original(0, len(view.text)) == (0, len(encoded))


def test_a_list_of_runs_is_read_line_by_line() -> None:
    lines = [b64(f"user{number}@example.com") for number in range(100, 140)]
    text = "\n".join(lines)
    for number in (100, 120, 139):
        assert lines[number - 100] in originals(text, f"user{number}@example.com")


def test_a_column_of_runs_is_read_cell_by_cell() -> None:
    cells = [b64(f"user{number}@example.com") for number in range(50)]
    text = "".join(f"{number},{cell},x\n" for number, cell in enumerate(cells))
    assert len(views(text)) == 50
    assert cells[7] in originals(text, "user7@example.com")


@pytest.mark.parametrize("separator", [":", " ", "-", ", ", ","])
def test_hexadecimal_pairs_are_read(separator: str) -> None:
    text = "dump " + separator.join(f"{octet:02x}" for octet in KEY.encode()) + "."
    assert originals(text, KEY) == {text[5:-1]}


@pytest.mark.parametrize("separator", [", ", ",", " ", ",\n        "])
def test_prefixed_hexadecimal_is_read(separator: str) -> None:
    text = "{" + separator.join(f"0x{octet:02X}" for octet in KEY.encode()) + "}"
    assert originals(text, KEY) == {text[1:-1]}


def test_hexadecimal_in_fours_and_after_0x_is_read() -> None:
    digits = (KEY + "!!").encode().hex()
    fours = " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
    assert originals(fours, KEY) == {fours}
    assert originals(f"0x{digits}", KEY) == {digits}


def test_hexadecimal_without_letters_is_read() -> None:
    for value in ("dapi5b2c4c13ep2325bcp117a", "4111111111111111"):
        digits = value.encode().hex()
        assert digits.isdigit() and originals(f"x {digits} y", value) == {digits}


def test_a_dump_is_read_beside_its_letters() -> None:
    text = "00000000  73 6b 2d 6c 69 76 65 2d  4d 61 64 65 31 55 70 32  |sk-live-Made1Up2|\n"
    assert any("sk-live-Made1Up2" in view.text for view in views(text))


def test_base64_may_be_without_a_capital() -> None:
    assert b64("vyusodrwuwmj") == "dnl1c29kcnd1d21q"
    assert originals("token dnl1c29kcnd1d21q here", "vyusodrwuwmj") == {"dnl1c29kcnd1d21q"}


def test_base32_is_read() -> None:
    encoded = base64.b32encode(KEY.encode()).decode()
    assert originals(f"code {encoded} ok", KEY) == {encoded}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, 1)])
@pytest.mark.parametrize("encode", [b64, bytes.hex], ids=["base64", "hex"])
@pytest.mark.parametrize("value", [KEY, LETTER], ids=["short", "long"])
def test_compressed_text_is_read(encode, pack, value: str) -> None:
    encoded = encode(pack(value.encode()))
    assert originals(f"blob: {encoded}\n", value) == {encoded}


def test_compressed_text_without_its_end_is_read() -> None:
    encoded = b64(gzip.compress(LETTER.encode())[:-12])
    assert originals(encoded, MAIL) == {encoded}


def test_several_members_and_a_second_compression_are_read() -> None:
    encoded = b64(gzip.compress(gzip.compress(b"nothing here\n") + gzip.compress(LETTER.encode())))
    assert originals(encoded, MAIL) == {encoded}


def test_text_in_other_scripts_and_encodings_is_read() -> None:
    for value in ("Здравствуйте, меня зовут Иван Петров", "私の名前は山田太郎です。東京に住んでいます"):
        assert originals(f"x {b64(value)} y", value) == {b64(value)}
    latin = "Frau Müller wohnt in Köln, ihre Adresse ist frau.mueller@example.com".encode("latin-1")
    assert originals(b64(latin), "frau.mueller@example.com") == {b64(latin)}


def test_the_words_before_a_run_are_read_with_it() -> None:
    for text, wanted in (
        (f'"password": "{b64("correct horse")}"', '"password": "correct horse"'),
        (f"Authorization: Basic {b64('jane:Hunter2!pass')}", "Authorization: Basic jane:Hunter2!pass"),
        (f"card 4111 ssn {b64('123-45-6789')}", " ssn 123-45-6789"),
    ):
        (view,) = views(text)
        assert view.text == wanted
        assert text[slice(*view.original(0, len(view.text)))] == text[-len(text[view.original(0, 1)[0] :]) :]


# --- in each other ---------------------------------------------------------------------------------

LAYERS = {
    "base64": b64,
    "hex": lambda value: value.encode().hex(),
    "url": lambda value: urllib.parse.quote(value, safe=""),
    "every character percent": percent,
    "gzip": lambda value: b64(gzip.compress(value.encode())),
    "html": lambda value: "".join(f"&#{ord(character)};" for character in value),
    "javascript": lambda value: "".join(f"\\u{ord(character):04x}" for character in value),
}


@pytest.mark.parametrize("inner", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("outer", LAYERS.values(), ids=LAYERS)
def test_one_encoding_in_another_is_seen(outer, inner) -> None:
    encoded = outer(inner(MAIL))
    assert encoded in originals(f"value {encoded} end", MAIL)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_up_to_three_of_the_same_encoding_are_undone(layer, times: int) -> None:
    encoded = MAIL
    for _ in range(times):
        encoded = layer(encoded)
    text = f"value {encoded} end"
    assert encoded in originals(text, MAIL)
    assert views(text).exhausted is None


def test_a_fourth_encoding_is_told_and_not_undone() -> None:
    encoded = MAIL
    for _ in range(4):
        encoded = b64(encoded)
    assert views(encoded).exhausted == "depth"
    assert not originals(encoded, MAIL)
    assert originals(encoded, MAIL, depth=4) == {encoded}


def test_kinds_tell_the_way_in() -> None:
    assert kinds(b64(KEY.encode().hex())) == ["base64", "base64>hex"]
    assert kinds(b64(gzip.compress(KEY.encode()))) == ["base64>gzip"]
    assert kinds("\u200b".join(b64(KEY))) == ["normalised", "normalised>base64"]


def test_a_disguise_within_an_encoding_is_seen() -> None:
    encoded = b64("\u200b".join(KEY))
    assert originals(encoded, KEY) == {encoded}
    disguised = "\u200b".join(b64(KEY))
    assert originals(f"a {disguised} b", KEY) == {disguised}


# --- escapes -----------------------------------------------------------------------------------------

ESCAPED = {
    "percent": "jane%2Edoe%40example%2ecom",
    "percent twice": "jane.doe%2540example.com",
    "percent thrice": "jane.doe%252540example.com",
    "entity": "jane.doe&#64;example&#x2e;com",
    "named entity": "jane.doe&commat;example&period;com",
    "javascript": "jane.doe\\u0040example.com",
    "javascript braces": "jane.doe\\u{40}example.com",
    "javascript \\x": "jane.doe\\x40example\\x2ecom",
    "quoted-printable": "jane.doe=40example.com",
    "escaped escapes": "jane.doe\\\\\\\\u0040example.com",
    "two kinds": "jane%2Edoe&#64;example\\u002ecom",
}


@pytest.mark.parametrize("escaped", ESCAPED.values(), ids=ESCAPED)
def test_an_escaped_address_is_seen_and_nothing_else_is_replaced(escaped: str) -> None:
    text = f"Write to <{escaped}>, not to me.\nBye"
    assert originals(text, MAIL) == {escaped}


def test_json_in_a_json_string_is_read_at_any_depth() -> None:
    text = json.dumps({"client_secret": KEY, "note": 'say "hi"\n'})
    for _ in range(5):
        text = json.dumps({"body": text})
        (view,) = views(text)
        assert f'"client_secret": "{KEY}"' in view.text
        assert originals(text, KEY) == {KEY}


def test_lines_in_a_json_string_are_lines() -> None:
    text = json.dumps("HOST=example.com\nPASSWORD=Made1Up2\n")
    assert any("\nPASSWORD=Made1Up2\n" in view.text for view in views(text))
    pem = "-----BEGIN MADE UP KEY-----\n" + "\n".join([b64("x" * 48)] * 40) + "\n-----END MADE UP KEY-----\n"
    assert originals(json.dumps({"key": pem}), pem) == {json.dumps(pem)[1:-1]}


def test_quoted_printable_lines_are_joined() -> None:
    value = f"user = jane; {'word ' * 10} key = {KEY}; mail = {MAIL}; " + "é" * 10
    text = quopri.encodestring(value.encode()).decode()
    assert KEY not in text
    (found,) = originals(text, KEY)
    assert found.replace("=\n", "") == KEY
    assert originals(text, MAIL)


def test_a_slash_escaped_in_base64_does_not_hide_it() -> None:
    encoded = b64(LETTER.replace("team", "team???")).replace("/", "\\/")
    assert "\\/" in encoded
    assert encoded in originals(json.dumps({"a": 1})[:-1] + f', "b": "{encoded}"}}', CARD)


def test_what_a_form_has_for_blanks_between_digits_is_read() -> None:
    text = urllib.parse.urlencode({"note": f"card: {CARD}"})
    assert originals(text, CARD) == {CARD.replace(" ", "+")}


# --- what is not there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        'integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="',
        "id: 123e4567-e89b-12d3-a456-426614174000",
        "card 4242424242424242 or 4111 1111 1111 1111, 2024-01-02 03:04:05, 192.168.100.200",
        "numbers 20 30 40 50 60 70 80 90 and 1234567890123456789012345678901234567890",
        "import { getElementsByClassNameOrThrowAnError } from '@company/very-long-package-name/src/index'",
        "/usr/lib/python3/dist-packages/some_package/sub_package/module_with_a_long_name.py",
        "AbstractSingletonProxyFactoryBeanBuilderConfigurationManager",
        "SOME_VERY_LONG_CONSTANT_NAME_FOR_A_LIMIT = THE_OTHER_EVEN_LONGER_CONSTANT_NAME",
        "a{color:#ff0000;background:url(/static/media/logo-dark.2f3a4b5c6d7e8f90.svg)}",
        'printf("%5d %2d %-10s\\n", count, size, name); x = y & z; s = "a\\tb\\n";',
        "for(var e=0;e<t.length;e++)n.push(t[e]);return&&r?a:b",
        "A && B || C; &amp; stays, <b>&lt;tag&gt;</b>",
        "regex = r'\\d+\\.\\d+[a-z]\\w*'",
        "KEY=\nOTHER_KEY=\n",
        "https://example.com/a/b/c?utm_source=newsletter&id=12345",
        "mac 00:1a:2b:3c:4d:5e ipv6 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        b64(bytes(range(256)) * 8),
        b64(b"\x89PNG\r\n\x1a\n" + bytes((7 * i * i + i // 3) % 256 for i in range(3000))),
        "The quick brown fox jumps over the lazy dog. " * 50,
        "",
        "a",
        "%",
        "\\",
        "&#;",
    ],
)
def test_ordinary_text_has_no_views(text: str) -> None:
    assert [kind for kind in kinds(text) if kind != "breaks"] == []
    assert views(text).exhausted is None


def test_a_view_does_not_show_its_text_when_printed() -> None:
    (view,) = views(b64(KEY))
    assert KEY not in repr(view) and KEY not in repr(views(b64(KEY)))
