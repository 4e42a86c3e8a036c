"""Names in scripts without capitals: by their label, an introduction, a company's form, or as a great city's.

No model here reads them, and their words have no look of names. Owns those labels and what may follow them; Latin,
Greek and Cyrillic are everybody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from outgate.dlp.names.shapes import Span
from outgate.dlp.names.words import data

_HAN, _KANA, _HANGUL = "\u4e00-\u9fff", "\u3040-\u30ff々ー", "\uac00-\ud7af"
_HEBREW, _ARABIC, _THAI = r"[\u05d0-\u05ea'\"-]{2,20}", "[\u0620-\u064a]{2,20}", "[\u0e01-\u0e4e]{2,24}"
_JAPANESE = rf"(?:[{_HAN}々]{{1,8}}[ァ-ヶー]{{0,12}}|[ァ-ヶー]{{2,14}}[{_HAN}]{{0,6}})"
_COLON = r"[ \t]?[::][ \t\u3000]{0,3}"
_STOP = r"(?=[,,。.;;\s]|$)"
_PATTERNS = tuple(
    (re.compile(pattern), entity)
    for pattern, entity in (
        (
            r"(?:氏名|お名前|名前|患者名|担当者)(?:[ \t]?[::]|は)[ \t\u3000]?"
            rf"(?P<value>[{_HAN}{_KANA}]{{1,6}}[ \u3000]?[{_HAN}{_KANA}]{{1,6}})",
            "PERSON",
        ),
        (rf"(?:姓名|名字|联系人|聯絡人|收件人|患者|客户){_COLON}(?P<value>[{_HAN}·]{{2,6}})", "PERSON"),
        (rf"(?:我叫|我的名字是|我名叫)(?P<value>[{_HAN}·]{{2,4}}){_STOP}", "PERSON"),
        (
            rf"(?:이름|성명|성함|고객명|환자명|담당자)[ \t]?[::은는이]?[ \t]{{0,3}}"
            rf"(?P<value>[{_HANGUL}]{{2,4}})(?![{_HANGUL}])",
            "PERSON",
        ),
        (
            rf"(?<![\u05d0-\u05ea])(?:שמי|קוראים לי|השם שלי(?: הוא)?)[ ](?!השמי)"
            rf"(?P<value>{_HEBREW}(?:[ ](?!ו|אני[ ]|בן[ ]|בת[ ]|גר[הת]?[ ]|מה?[ ]){_HEBREW})?)",
            "PERSON",
        ),
        (rf"(?:ผม|ดิฉัน|ฉัน|หนู)ชื่อ[ ]?(?P<value>{_THAI}(?:[ ](?!ครับ|ค่ะ|คะ){_THAI})?)", "PERSON"),
        (rf"שם(?: מלא| פרטי)?{_COLON}(?P<value>{_HEBREW}(?:[ ]{_HEBREW}){{0,2}})", "PERSON"),
        (
            rf"(?:الاسم(?: الكامل)?|اسم (?:المريض|العميل)){_COLON}(?P<value>{_ARABIC}(?:[ ]{_ARABIC}){{0,3}})",
            "PERSON",
        ),
        (rf"ชื่อ(?:-?(?:นาม)?สกุล)?(?:{_COLON}|[ ])(?P<value>{_THAI}(?:[ ]{_THAI})?)", "PERSON"),
        # Companies by their form: 株式会社, 有限公司, 주식회사
        (
            rf"(?P<value>(?:株式会社|有限会社|合同会社|一般社団法人)[ \u3000]?(?:{_JAPANESE}|[A-Z][\w&-]{{1,20}}))",
            "ORGANIZATION",
        ),
        (rf"(?P<value>{_JAPANESE}(?:株式会社|有限会社))", "ORGANIZATION"),
        (
            rf"(?P<value>(?:(?![在于是为與与和给由到跟的了])[{_HAN}]){{2,20}}?(?:有限(?:责任|責任)?公司|股份公司))",
            "ORGANIZATION",
        ),
        (rf"(?P<value>(?:주식회사[ ]?|\(주\)[ ]?|㈜)[{_HANGUL}A-Za-z]{{2,14}})", "ORGANIZATION"),
        (rf"(?P<value>[{_HANGUL}A-Za-z]{{2,14}}(?:[ ]?주식회사|\(주\)|㈜))", "ORGANIZATION"),
        (rf"(?:住所|地址|城市|所在地){_COLON}(?P<value>[{_HAN}]{{2,8}}){_STOP}", "LOCATION"),
        (rf"(?:住在|现居|家住)(?P<value>[{_HAN}]{{2,6}}){_STOP}", "LOCATION"),
        (
            rf"(?:주소|도시|거주지|출생지)[ \t]?[::]?[ \t]{{0,3}}"
            rf"(?P<value>[{_HANGUL}]{{2,8}})(?![{_HANGUL}\d]|[ ]\S*\d)",
            "LOCATION",
        ),
    )
)


@cache
def _cities() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The cities of the lists, with the little words that are written as a part of them."""
    han, arabic, hebrew = (
        "|".join(sorted(data("own_scripts")[f"{script}_cities"], key=len, reverse=True))
        for script in ("han", "arabic", "hebrew")
    )
    patterns = (
        rf"(?P<value>{han})(?![大学學高])",
        rf"(?<!\w)(?:[وبلف]|ال)?(?P<value>{arabic})(?!\w)",
        rf"(?<!\w)(?:ו?[בלמ]|ו)?(?P<value>{hebrew})(?!\w)",
    )
    return tuple((re.compile(pattern), "LOCATION") for pattern in patterns)


def labelled(text: str) -> Iterator[Span]:
    """The persons and places that follow their label. Linear in the text."""
    if text.isascii():
        return
    found = (
        (*one.span("value"), entity)
        for pattern, entity in (*_PATTERNS, *_cities())
        for one in pattern.finditer(text)
    )
    yield from dict.fromkeys(found)
