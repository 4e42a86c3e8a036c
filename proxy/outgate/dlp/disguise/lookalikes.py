"""Characters that stand for ASCII ones: which, for what, and whether ordinary prose has them too.

Data only, from the Unicode character database (compatibility decompositions, decimal digits) and from
what Unicode's security mechanisms (UTS #39) call confusable, as far as it looks like an ASCII character
in common fonts. Three kinds, because writing that nobody disguised must stay what it is:

``ALWAYS``   styled ASCII (fullwidth, mathematical, circled, ...), digits and spaces: no one's alphabet.
``FOREIGN``  letters of other alphabets: they are ASCII only in the company of ASCII.
``ACCENTED`` Latin letters with marks: ASCII only in an e-mail address or something like a key.

Each maps one code point to one. ``LIGATURES`` map to several, ``INVISIBLE`` and ``MARKS`` to none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator


def _pairs(*rows: tuple[str, str]) -> dict[int, int]:
    return {ord(one): ord(other) for ones, others in rows for one, other in zip(ones, others, strict=True)}


def _code_points(*spans: tuple[int, int]) -> Iterator[int]:
    for first, last in spans:
        yield from range(first, last + 1)


def _compatible(spans: Iterable[int]) -> Iterator[tuple[int, str]]:
    """The code points whose NFKC form is printable ASCII, and that form."""
    for point in spans:
        form = unicodedata.normalize("NFKC", chr(point))
        if form.isascii() and form.isprintable() and form.strip():
            yield point, form


# Superscripts, subscripts, circled and squared signs: ordinary when few, a disguise when many.
SIGNS: dict[int, int] = {
    point: ord(form)
    for point, form in _compatible(
        _code_points((0xAA, 0xBA), (0x2070, 0x209C), (0x2139, 0x2139), (0x2460, 0x2473), (0x24B6, 0x24EA))
    )
    if len(form) == 1
}
for _first, _letters in (
    (0x1F150, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),  # white on a black circle
    (0x1F170, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),  # white on a black square
    (0x1F1E6, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),  # halves of a flag
    (0x2776, "123456789"),
    (0x2780, "123456789"),
    (0x278A, "123456789"),
):
    SIGNS |= {_first + index: ord(letter) for index, letter in enumerate(_letters)}

# Signs that a sentence in Chinese or Japanese is full of; ASCII beside ASCII only.
WIDE_PUNCTUATION: dict[int, int] = _pairs(("！（），：；？　", "!(),:;? "))

_STYLED = dict(
    _compatible(
        _code_points(
            (0x02B0, 0x02E3),  # modifier letters
            (0x1D2C, 0x1D6A),
            (0x2010, 0x2011),
            (0x2024, 0x2024),
            (0x2100, 0x214F),  # letterlike
            (0x2160, 0x217F),  # Roman numerals
            (0x2C7C, 0x2C7D),
            (0xFE4D, 0xFE6B),  # small forms
            (0xFF01, 0xFF5E),  # fullwidth
            (0x1D400, 0x1D7FF),  # mathematical
            (0x1F130, 0x1F149),  # squared
            (0x1FBF0, 0x1FBF9),  # segmented digits
        )
    )
)
_SPACES = {0x85: 0x0A, 0x2028: 0x0A, 0x2029: 0x0A} | dict.fromkeys(
    _code_points((0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F)), 0x20
)
_ZEROS = "٠۰߀०০੦૦୦௦౦೦൦෦๐໐༠၀႐០᠐᥆᧐᪀᪐᭐᮰᱀᱐꘠꣐꤀꧐꧰꩐꯰"
_DIGITS = {ord(zero) + digit: ord("0") + digit for zero in _ZEROS for digit in range(10)}

ALWAYS: dict[int, int] = (
    {point: ord(form) for point, form in _STYLED.items() if len(form) == 1 and point not in WIDE_PUNCTUATION}
    | _DIGITS
    | _SPACES
    | _pairs(("‐‑⁃﹘", "----"))
)
for _point in SIGNS:
    ALWAYS.pop(_point, None)

LIGATURES: dict[str, str] = {
    chr(point): form
    for point, form in _compatible(
        _code_points((0x1C7, 0x1CC), (0x1F1, 0x1F3), (0x2160, 0x217F), (0xFB00, 0xFB06))
    )
    if len(form) > 1
}

FOREIGN: dict[int, int] = (
    _pairs(
        # Cyrillic
        ("АВЕЅІЈКМНОРСТУХҮԚԜѴӀԌЗЬ", "ABESIJKMHOPCTYXYQWVlG3b"),
        ("аеѕіјкмнорстухѵԁԛԝһӏгвпьүѡԍҽꙇ", "aesijkmhopctyxvdqwhlrbnbywgei"),
        # Greek
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺͿϜ", "ABEZHIKMNOPTYXCMJF"),
        ("αονρικυγτχωϲϳεησϱ", "aovpikuytxwcjenop"),
        # Armenian
        ("ՍՏՕԼօսհոցզյագռք", "USOLouhngqjwqnf"),
        # Cherokee
        ("ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏳᏴ", "DRTiYAJEWMHYGhZ4bRWSVSLCPKdGB"),
        ("ꮃꮓꮩꮪꮯꮶ", "wzvsck"),
        # Coptic, Lisu, Canadian syllabics
        ("ⲞⲟⲤⲥⲎⲢⲣⲬⲭⲘⲚⲦⲨⲔⲒⲀⲂ", "OoCcHPpXxMNTYKIAB"),
        ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPDTGKJCZFMNLSRVHWXYAEIOU"),
        ("ᗅᗩᗞᗪᖇᑌᐯᑭᒪᕼᗷᔕᗰᑕᖴᘜᒍᗯ᙭", "AADDRUVPLHBSMCFGJWX"),
        # Latin letters that no orthography mixes with ASCII in one word: phonetic, small capitals
        ("ɑɡɩȷʋɪɴʀʙʜɢʏʟᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱǀſ℮Ɩƽ", "agijvinrbhgylacdejkmoptuvwzfslsels"),
        # Punctuation
        ("–‒−․。｡·∶⁄∕∣", "---....://l"),
    )
    | SIGNS
)
FOREIGN = {point: to for point, to in FOREIGN.items() if point not in ALWAYS}
# Mathematical Greek is styled Greek that looks like ASCII.
ALWAYS |= {
    point: FOREIGN[ord(form)]
    for point in _code_points((0x1D6A8, 0x1D7CB))
    if ord(form := unicodedata.normalize("NFKC", chr(point))[0]) in FOREIGN
}

ACCENTED: dict[int, int] = {
    point: ord(letters[0])
    for point in _code_points((0xC0, 0x24F), (0x1E00, 0x1EFF))
    if (letters := unicodedata.normalize("NFD", chr(point)))[0].isascii() and len(letters) > 1
} | _pairs(("ØøŁłĐđĦħıŦŧƀɓɗ", "OoLlDdHhiTtbbd"))

# Default-ignorable code points (DerivedCoreProperties of Unicode), variation selectors and tags included.
INVISIBLE = (
    "\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Combining marks that fit any base, and the joiner that only looks like one.
MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
