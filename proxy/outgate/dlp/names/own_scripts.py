"""Persons in scripts that have no capitals, or patronymics: Chinese, Japanese, Korean, Cyrillic, Arabic, Devanagari.

A form of address, a label of a form or an introduction says that a name stands beside it; how long it is, the family
names say (they are few in China and Korea), or the next mark. Written from general knowledge of how people are named
and addressed there. Owns these places and nothing of the models, which were made for other scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from outgate.dlp.names.shapes import Span
from outgate.dlp.names.words import data

_HAN, _HANGUL, _KANA = "\u4e00-\u9fff", "\uac00-\ud7a3", "\u3040-\u30ff"
_CHINESE_OR_JAPANESE = re.compile(f"[{_HAN}{_KANA}]")
_KOREAN = re.compile(f"[{_HANGUL}]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_OTHERS = re.compile("[\u0621-\u064a\u0900-\u097f]")  # Arabic and Devanagari
_COLON = r"[ \t]{0,4}[:：][ \t\u3000]{0,8}"
_END = r"(?=[ \t\u3000]*(?:$|[\n,，、。.;；|/()（）<\"'،]))"


def _any(name: str) -> str:
    """An expression for one of a list's words, the longest first."""
    words = sorted(data("own_scripts")[name], key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, words))})"


_CAPITAL = r"[А-ЯЁІЇЄҐ][а-яёіїєґ’'-]+(?:-[А-ЯЁІЇЄҐ][а-яёіїєґ]+)?"
_PATRONYMIC = (
    r"[А-ЯЁІЇЄ][а-яёіїє]{1,14}"
    r"(?:(?:ович|евич|йович|ьич)(?:а|у|ем|ом|е|і|ю)?|(?:овн|евн|івн|їн|ичн)(?:а|ы|е|у|ой|ою|і))"
)
_INITIALS = r"[А-ЯЁІЇЄ]\.[ ]?(?:[А-ЯЁІЇЄ]\.)?"
# What stands right behind a Chinese name in a sentence; blanks do not say where it ends.
_AFTER_CHINESE = (
    "在是有和与跟说說会會要想的今明昨前后後下上把给給去来來已也都不没沒正刚剛从從被对對向需可希住将將"
    "于於每很还還就先又能因最"
)
# What those are called by that "I am" and a family name's sign may begin: pupils, clerks, teachers.
_CALLINGS = "(?<![生员員人者师師家工长長手友民粉医醫])"
# Japanese: wards, towns, prefectures, stations, shops.
_LOCAL = "(?<![区市町村都道府県駅線店社圏部課])"
_ARABIC = r"[\u0621-\u064a\u0670\u0671]{2,20}"
# What goes on after a name: "and", "I", "in", verbs of the first person.
_NO_ARABIC = rf"(?:و|أنا|انا|من|في|عمري|أ[عسدق]){_ARABIC}?(?!\w)"
_HINDI = r"[\u0900-\u0963\u0970-\u097f]{2,20}"


@cache
def _patterns() -> dict[re.Pattern[str], list[re.Pattern[str]]]:
    """By what finds a letter of a script: expressions for names that their surroundings tell."""
    chinese, japanese, korean = (_any(f"{script}_families") for script in ("chinese", "japanese", "korean"))
    own = rf"[{_HAN}々{_KANA}]"
    ends = rf"(?=$|[^{_HAN}]|[{_AFTER_CHINESE}])"
    patterns = {
        _CHINESE_OR_JAPANESE: (
            rf"(?P<name>{chinese}[{_HAN}]{{1,2}}?)[ ]?(?={_any('chinese_titles')})",
            rf"(?:{_any('chinese_labels')}{_COLON}|(?:我|名字?)叫做?)(?P<name>{chinese}[{_HAN}]{{1,2}})(?![{_HAN}])",
            rf"(?:我是|本人是?)(?P<name>{chinese}[{_HAN}]{{1,2}}?){_CALLINGS}{ends}",
            rf"(?:我|我的|我们的|我們的){_any('chinese_relations')}[叫是]?(?P<name>{chinese}[{_HAN}]{{1,2}}?){ends}",
            rf"(?:の|は|、|^)(?P<name>(?={own}{{3}}){japanese}[ \u3000]?{own}{{1,3}}?){_LOCAL}(?=です|でございます)",
            rf"(?<![{_HAN}々])(?P<name>{japanese}(?:[ \u3000]?{own}{{1,3}}?)?)[ \u3000]?"
            rf"(?={_any('japanese_titles')})",
            rf"(?<![{_HAN}々])(?P<name>{japanese}[ \u3000]?{own}{{1,3}}?)(?=と申し|といいます|と言います)",
            rf"{_any('japanese_labels')}{_COLON}(?P<name>{own}{{1,4}}[ \u3000]?{own}{{1,5}}){_END}",
        ),
        _KOREAN: (
            rf"(?<![{_HANGUL}])(?P<name>{korean}[{_HANGUL}]{{2}})[ ]?(?={_any('korean_titles')}(?![{_HANGUL}]{{3}}))",
            rf"{_any('korean_labels')}{_COLON}(?P<name>[{_HANGUL}]{{2,4}}){_END}",
            rf"이름은[ ]?(?P<name>{korean}[{_HANGUL}]{{1,2}}?)(?=입니다|이고|이며|이라고|라고|예요|이에요|인데)",
            rf"저는[ ]?(?P<name>{korean}[{_HANGUL}]{{2}})(?<![사원자인생님가관장])"
            r"(?=입니다|이고|이라고|라고|이에요|예요)",
        ),
        _CYRILLIC: (
            rf"(?<!\w)(?P<name>(?:{_CAPITAL}[ ]){{1,2}}{_PATRONYMIC}(?:[ ]{_CAPITAL})?)(?!\w)",
            rf"(?<!\w)(?P<name>{_CAPITAL}[ ]{_INITIALS}|{_INITIALS}[ ]?{_CAPITAL})(?!\w)",
            rf"^[ \t>*-]{{0,9}}(?i:{_any('cyrillic_labels')}){_COLON}"
            rf"(?P<name>{_CAPITAL}(?:[ ]{_CAPITAL}){{0,2}}){_END}",
            rf"(?<!\w)(?i:{_any('cyrillic_titles')})[ ](?P<name>{_CAPITAL}(?:[ ]{_CAPITAL}){{0,2}})(?!\w)",
        ),
        _OTHERS: (
            rf"(?<!\w){_any('arabic_titles')}[ ]"
            rf"(?P<name>{_ARABIC}(?:[ ](?:ال|بن[ ]|بنت[ ]|أبو[ ]|عبد[ ]){_ARABIC})?)(?!\w)",
            rf"(?<!\w){_any('arabic_labels')}{_COLON}(?P<name>{_ARABIC}(?:[ ]{_ARABIC}){{0,3}}){_END}",
            rf"(?<!\w)(?:اسمي|اسمى|أدعى|ادعى)[ ](?:هو[ ])?"
            rf"(?P<name>{_ARABIC}(?:[ ](?:(?:بن|بنت|أبو|ابو|عبد|آل)[ ])?(?!{_NO_ARABIC}){_ARABIC})?)(?!\w)",
            rf"(?:मेरा|मेरी[ ]\w{{2,12}}[ ]का)[ ]नाम[ ](?!क्या)(?P<name>{_HINDI}(?:[ ]{_HINDI})?)[ ]है",
            rf"{_any('hindi_titles')}[ ](?P<name>{_HINDI}(?:[ ]{_any('hindi_families')})?)(?![\u0900-\u097f])",
            rf"नाम{_COLON}(?P<name>{_HINDI}(?:[ ]{_HINDI}){{0,2}}){_END}",
        ),
    }
    return {
        script: [re.compile(pattern, re.MULTILINE) for pattern in each] for script, each in patterns.items()
    }


def told(text: str) -> Iterator[Span]:
    """The persons whose surroundings say so; they may overlap. Linear; of a script that is not there, one search."""
    if text.isascii():
        return
    lists = data("own_scripts")
    nameless = frozenset(lists["korean_nameless"] + lists["cyrillic_nameless"])
    titles = frozenset(lists["cyrillic_titles"])
    for script, patterns in _patterns().items():
        for found in (one for pattern in patterns if script.search(text) for one in pattern.finditer(text)):
            start, name = found.start("name"), found["name"]
            first, _, rest = name.partition(" ")
            if first.lower() in titles:
                start, name = start + len(first) + 1, rest
            if nameless.isdisjoint((name, name.partition(" ")[0].lower())):
                yield start, found.end("name"), "PERSON"
