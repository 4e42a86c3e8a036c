"""Finds secrets by what they are called: ``password = ...``, ``"client_secret": "..."``, "the password is ...".

For secrets that have no shape of their own. Owns where a name ends and where its value begins and ends, in
program text, configuration, command lines, markup, tables and sentences. ``secret_names`` judges the name and
``secret_values`` the value, and both must agree: a real-looking value under a name that can mean nothing else
scores 0.8 or more, a doubtful one 0.4 to 0.6, a placeholder, a reference or a word nothing.

Time is linear: every name looks at a bounded stretch of text around it, and no name is looked at twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from outgate.dlp.detector import Match, Text
from outgate.dlp.expression import beginnings
from outgate.dlp.projection import project
from outgate.dlp.scanner import Expression, Window
from outgate.dlp.secret_names import NOTHING, Name, judge
from outgate.dlp.secret_scores import LEAST, Place, score

PASSWORD, SECRET = "PASSWORD", "GENERIC_SECRET"
# Every name that can promise a secret holds one of these, in any case.
PHRASES = ("identified by", "kata sandi", "mật khẩu", "كلمة المرور", "كلمة السر", "סיסמה")
STEMS = (
    *"pass pwd psw pw psk mdp kennwort contrase clave senha wachtwoord masterauth hasło heslo lösenord".split(),
    *"adgangskode salasana şifre parola jelszó lozinka пароль κωδικός 密码 密碼 口令 パスワード 비밀번호".split(),
    *"secret geheim token jeton key schlüssel cred ключ токен 密钥 令牌 キー トークン".split(),
    *PHRASES,
)
_AFTER = 1_024  # code points from a stem to the end of a value after it
_LONGEST_BEFORE = 80  # code points of a value that stands before: "... is the password"

_STEM = re.compile("|".join(STEMS), re.IGNORECASE)
_SMALL_STEM = re.compile("|".join(STEMS))  # which is much faster
_LONGEST_NAME = 64  # code points before a stem
_LONGEST = 4_096  # code points of a value
_JOINING = ("_", ".", "-", "$")
_NAME_AFTER = re.compile(r"[\w$-]{0,48}(?:\.[\w$-]{1,32}){0,3}")
_WORD_BEFORE = re.compile(r"(?<![\w.=:-])[^\W\d_]{2,14}[ ]\Z")
_LONGEST_WORD = 15  # code points, with the blank behind it
_QUOTE = r"(?:\\{0,3}[\"'`]|&quot;|&#34;|&#39;)"

# What joins a name and its value, tried in this order at the end of the name.
_JOINTS: tuple[tuple[Place, re.Pattern[str]], ...] = (
    (
        "element",
        re.compile(
            r"[\"']?(?:[ ][\w:-]{2,16}=[\"'][^\"'<>]{0,40}[\"'])?>(?:\s{0,40}<[Vv]alue>)?(?=[^<>\s][^<>\r\n]{2,400}</)"
        ),
    ),
    (
        "pair",
        re.compile(_QUOTE + r"[ \t\r\n]{1,24}(?:value|content)[ \t]{0,3}=[ \t]{0,3}(?=[\"'])", re.IGNORECASE),
    ),
    (
        "pair",
        re.compile(
            _QUOTE
            + r"?[ \t]{0,4},?[ \t]{0,4}(?:\r?\n[ \t]{0,40})?"
            + _QUOTE
            + r"?(?:value|text)"
            + _QUOTE
            + r"?[ \t]{0,4}[:=][ \t]{0,4}",
            re.IGNORECASE,
        ),
    ),
    (
        "pair",
        re.compile(
            r"\"[ \t]{0,4}\{[^{}\"]{0,200}(?:\"[^\"\n]{0,80}\"[^{}\"]{0,80}){0,4}default[ \t]{0,12}=[ \t]{0,4}(?=\")"
        ),
    ),
    ("set", re.compile(r":[ \t]{1,4}[|>][-+]?[ \t]{0,4}\r?\n[ \t]{1,32}")),
    (
        "called",
        re.compile(
            _QUOTE + r"\)[ ]?\.(?:send_?keys|fill|type|set_?value|val)\([ ]?(?=[\"'`])", re.IGNORECASE
        ),
    ),
    ("argument", re.compile(_QUOTE + r"[ \t]{0,3},[ \t\r\n]{0,24}(?=[bBfFrRuU]?[\"'`])")),
    (
        "assigned",
        re.compile(
            r"(?P<end>" + _QUOTE + r")?[ \t]{0,8}[\])]{0,2}[ \t]{0,24}"
            r"(?:[?!]?:[ \t]{0,3}[A-Za-z_&*][\w.:<>\[\]|?&*]{0,40}[ \t]{0,3}=(?![=>])"
            r"|(?:\*\*|__)?(?P<op>:=|:-(?=[^\s-])|=>|[?|]{1,2}=|[:=：]|->|<-|%3[Dd]))(?![=:])(?:\*\*|__)?"
            r"[ \t]{0,8}(?:\\?\r?\n[ \t]{1,32}(?=[\"'`]))?"
        ),
    ),
    ("pair", re.compile(r"</(?:key|name|Key|Name)>\s{0,40}<(?:string|value|Value)>(?=[^<>\s])")),
    # Instead of it, when it is not set: `process.env.API_KEY || "..."`.
    (
        "argument",
        re.compile(
            r"(?:[\"']?[ ]?[\])]{0,2}[ \t]{0,4}(?:\|\||\?\?)|[\"'][ ]?[\])][ ]or)[ \t]{0,4}(?=[\"'`])"
        ),
    ),
    ("compared", re.compile(r"[ \t]{0,4}(?:={2,3}|!={1,2}|\.equals\()[ \t]{0,4}(?=[\"'`])")),
    ("called", re.compile(r"[ \t]?\([ \t\r\n]{0,8}(?=[bBfFrRuU@]?[\"'`])")),
    ("cell", re.compile(r"[ \t]{1,24}\|[ \t]{1,12}")),
    (
        "said",
        re.compile(
            r"(?:[ ](?:for|to|of|on|in|at|from|von|vom|für|zum|zur|der|des|pour|de|du|para|del|do|da|al|per|voor|van)"
            r"(?![\w-])[^\n:=\"'`]{1,60}?)?(?:[ ]?\([^()\n]{1,30}\))?"
            r"(?:(?:[ ](?:has[ ]been|was|is))?[ ](?:changed|reset|set|updated|rotated)[ ]to"
            r"|[ ](?:is|was|are|will[ ]be|remains|ist|lautet|war|sind|est|sera|était|es|era|será|é|è|heißt|becomes)"
            r"(?![\w-])(?:[ ](?:now|still|currently|again|jetzt|nun|weiterhin|maintenant|ahora))?[ ]?:?"
            r"|[ ]?[:=]|[ ](?:-|–|—|→))[ \t]{1,3}"
        ),
    ),
    ("said", re.compile(r"[ ](?:for|to|of|on|für|pour|de|para)[^\n:=\"'`]{1,60}?:[ \t]{1,3}")),
    ("said", re.compile(_QUOTE + r"?[ ](?:to|as|with|auf|à|en)[ ](?=[\"'`])")),
    ("said", re.compile(r"[ ]?[是为為は은는][ ]?")),
    (
        "said",
        re.compile(
            r"(?:(?<=hasło)[ ]to|(?<=lösenordet)[ ]är|(?<=adgangskoden)[ ]er|(?<=passordet)[ ]er|(?<=salasana)[ ]on"
            r"|(?<=heslo)[ ]je|(?<=lozinka)[ ]je|(?<=пароль)[ ](?:от|для|к|на)[ ]\w{2,20}(?:[ ][-—])?)[ ]",
            re.IGNORECASE,
        ),
    ),
    ("beside", re.compile(r"[ ](?:to|to[ ]be)[ ](?=[^\s\"'`])")),
    (
        "beside",
        re.compile(
            r"[ \t]{1,4}|[ \t]{0,4}:?[ \t]{0,4}\r?\n[ \t]{0,8}(?=[^\s,;|]{8,80}[ \t]{0,4}(?:[\r\n]|\Z))"
        ),
    ),
)
_BEGINNINGS = [(joint, beginnings(joint[1].pattern, joint[1].flags)) for joint in _JOINTS]
_OPTION_JOINT = re.compile(r"[ \t]{1,3}(?![ \t:=])|=")
# What makes something else of a word in brackets: `md5("password") = ...`.
_MADE_OF_IT = re.compile(
    r"(?:md5|sha\d{0,3}|hash|crypt|hmac|digest|encode|base64)\w{0,16}\([\"'`]?\Z", re.IGNORECASE
)
# What may stand between the joint and the literal: a call that takes it, a prefix of the literal.
_WRAPPER = re.compile(r"(?:new[ ])?(?:[A-Za-z_][\w.:!]{0,40}\([ ]?){0,2}[bBfFrRuU@$LN]{0,2}(?=[\"'`])")
_SCHEME = re.compile(r"(?:(?:Bearer|Basic|Token|ApiKey|Api-Key|Key)[ ]|pass:)(?=\S{8})", re.IGNORECASE)
_OPENING = re.compile(r"\\{0,3}[\"'`]|&quot;|&#34;|&#39;")
_BARE = re.compile(r"[^\s\"'`<>|]{1,4096}")
_BRACKETS = "「『“„«《"  # that open a quotation in a sentence
# "... is the password": what stands between the value and the name.
_SAYING = tuple(f" {word} " for word in ("is", "as", "ist", "als", "est", "comme", "es", "como"))
_BACKWARDS = re.compile(
    rf"[\"'`]?(?:{'|'.join(_SAYING)})"
    r"(?:(?:the|my|our|your|a|new|das|der|mein|unser|le|la|ton|votre|el|mi|tu)[ ]){1,2}(?:[^\W\d_]{2,12}[ ])?\Z",
    re.IGNORECASE,
)
_LONGEST_BACKWARDS = 40  # code points of it
_EDGES = ",;)]}"
_EDGES_OF_SENTENCES = ".,;:?)]}*_"


class _Span(NamedTuple):
    start: int
    end: int
    quoted: bool


class AssignmentDetector:
    """Values under names that promise a secret."""

    name = "assignments"
    entities = frozenset({PASSWORD, SECRET})
    expressions = (Expression("|".join(map(re.escape, STEMS)), int(re.IGNORECASE), after=_AFTER),)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Values after the names, and before the names, that are in ``windows``."""
        done = 0
        for window in windows:
            for place in _stems(text, window.start, window.end):
                if place >= done:
                    left, done = _name_around(text.text, place)
                    yield from _before(text.text, left, done)
                    yield from _after(text.text, left, done)


def _name_around(text: str, place: int) -> tuple[int, int]:
    """Where the name begins and ends that has a stem at ``place``."""
    left = place
    while left > place - _LONGEST_NAME and ((c := text[left - 1 : left]).isalnum() or c in _JOINING):
        left -= 1
    right = _name_end(text, place)
    while right > place + 1 and text[right - 1] in ".-":
        right -= 1
    return left, right


def _name_end(text: str, place: int) -> int:
    after = _NAME_AFTER.match(text, place)
    right = after.end() if after else place
    folded = text[place : place + 16].lower()
    phrase = (
        next((one for one in PHRASES if folded.startswith(one)), "") if folded.startswith(PHRASES) else ""
    )
    if phrase or folded[:1] < "\u0370":  # Latin
        return place + len(phrase) if phrase else right
    # No blank need follow a word in a script without capitals.
    return next((place + len(stem) for stem in STEMS if folded.startswith(stem)), right)


def _stems(text: Text, start: int, end: int) -> list[int]:
    """Where stems begin, in order. Searching each by itself is many times faster than one alternation."""
    if len(text.lowered) != len(text.text):  # a capital whose small letter is longer
        return [found.start() for found in _STEM.finditer(text.text, start, end)]
    if end - start < 64:
        return [found.start() for found in _SMALL_STEM.finditer(text.lowered, start, end)]
    folded = text.lowered[start:end]
    places: set[int] = set()
    for stem in STEMS:
        place = folded.find(stem)
        while place >= 0:
            places.add(start + place)
            place = folded.find(stem, place + 1)
    return sorted(places)


def _named(text: str, left: int, right: int) -> Name:
    """The name's promise, with the words before it when it is one word: "api key", "next token"."""
    name = text[left:right].strip("-.$")
    if len(name) > 40 and name.isalnum():  # a run of base 64
        return NOTHING
    if name.isalpha() and left and text[left - 1] == " ":
        begin = left
        for _ in range(2):
            word = _WORD_BEFORE.search(text, max(0, begin - _LONGEST_WORD), begin)
            begin = word.start() if word else begin
        return judge(text[begin:left] + name)
    return judge(name)


def _after(text: str, left: int, right: int) -> Iterator[Match]:
    """The value after the name at ``left:right``, if there is one."""
    name = _named(text, left, right)
    if not name.certainty:
        return
    for place, span in _candidates(text, left, right):
        worth = score(text[span.start : span.end], name, place, span.quoted)
        if worth >= LEAST:
            yield _match(span, name, worth)
            return
        if span.quoted and place != "beside":
            return


def _before(text: str, left: int, right: int) -> Iterator[Match]:
    """The value that is said to be what is named at ``left:right``, if there is one."""
    if text[left - 1 : left] != " ":
        return
    begin = max(0, left - _LONGEST_BACKWARDS)
    ahead = text[begin:left].lower()
    said = _BACKWARDS.search(text, begin, left) if any(word in ahead for word in _SAYING) else None
    if said is None:
        return
    start = end = said.start()
    while start > end - _LONGEST_BEFORE and not (
        (c := text[start - 1 : start]).isspace() or c in ("", *"\"'`")
    ):
        start -= 1
    name = _named(text, left, right)
    worth = score(text[start:end], name, "beside", False) if name.certainty else 0.0
    if worth >= LEAST:
        yield _match(_Span(start, end, False), name, worth)


def _match(span: _Span, name: Name, worth: float) -> Match:
    entity = SECRET if name.family == "secret" else PASSWORD
    return Match(span.start, span.end, entity, round(worth, 2), AssignmentDetector.name)


def _candidates(text: str, left: int, right: int) -> Iterator[tuple[Place, _Span]]:
    if text.startswith("--", left) or (text.startswith("-", left) and not text.startswith("->", left)):
        joint = _OPTION_JOINT.match(text, right)
        if joint:
            yield from _literal(text, joint.end(), "option", left)
            return
    for place, pattern in _joints(text[right : right + 1]):
        joint = pattern.match(text, right, right + 400)
        if joint is None or (place == "element" and not _opens_element(text, left)):
            continue
        if place == "assigned":
            if joint["end"] and _MADE_OF_IT.search(text, max(0, left - 32), left):
                continue
            place = _how_assigned(text, left, joint)
        found = list(_literal(text, joint.end(), place, left))
        if found:
            yield from found
            if place != "beside":
                return


@lru_cache(maxsize=1024)
def _joints(sign: str) -> tuple[tuple[Place, re.Pattern[str]], ...]:
    """Those that can begin with ``sign``, in order; nothing can at the end of a text."""
    octet = project(sign)
    return tuple(joint for joint, begins in _BEGINNINGS if octet and octet[0] in begins)


def _opens_element(text: str, left: int) -> bool:
    return "<" in text[max(0, left - 48) : left]


def _how_assigned(text: str, left: int, joint: re.Match[str]) -> Place:
    """Whether a bare word there would be the value (configuration) or another name (a program)."""
    if joint["end"] or joint["op"] not in (":", "="):
        return "assigned"
    if text[left - 1 : left] in ("?", "&"):
        return "query"
    if joint[0] in (":", "="):
        return "set"
    line = text.rfind("\n", max(0, left - 200), left) + 1
    ahead = text[max(line, left - 200) : left].strip(" \t-#>*\"'")
    if joint["op"] == ":":
        return "assigned" if ahead.endswith((",", "{", "(", "?")) else "said" if ahead else "set"
    end = text.find("\n", joint.end(), joint.end() + 200)
    rest = text[joint.end() : end if end >= 0 else joint.end() + 200]
    return (
        "assigned" if ahead or rest.rstrip().endswith((";", ")", ",", "{")) or " " in rest.strip() else "set"
    )


def _literal(text: str, start: int, place: Place, left: int) -> Iterator[tuple[Place, _Span]]:
    """The literal or bare word that begins at ``start``."""
    wrapper = _WRAPPER.match(text, start)
    begin = wrapper.end() if wrapper else start
    if wrapper and "(" in wrapper[0] and place == "assigned":
        place = "called"
    opening = _OPENING.match(text, begin)
    if opening:
        end = _closing(text, opening)
        if end > opening.end():
            begin = opening.end()
            scheme = _SCHEME.match(text, begin, end)
            yield place, _Span(scheme.end() if scheme else begin, end, True)
        return
    if place in ("called", "argument", "compared"):
        return
    scheme = _SCHEME.match(text, start)
    begin = scheme.end() if scheme else start
    bare = _BARE.match(text, begin)
    if bare is None:
        return
    if place == "element":
        end = text.index("<", begin)
        yield place, _Span(begin, end, True)
        return
    if text[begin] in _BRACKETS:
        begin += 1
    end = _bare_end(text, begin, bare.end(), place)
    if end > begin and text[begin] not in "([{":
        yield place, _Span(begin, end, False)


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where the literal that ``opening`` opens is closed on its line; 0 when it is not."""
    mark = opening[0]
    if text.startswith(mark * 2, opening.end()):  # three quotes: a literal over lines
        return 0
    position = opening.end()
    limit = min(len(text), position + _LONGEST)
    while True:
        end = text.find(mark, position, limit)
        if end < 0 or "\n" in text[opening.end() : end]:
            return 0
        if len(mark) == 1 and text[end - 1] == "\\" and end - 1 > opening.end() and text[end - 2] != "\\":
            position = end + 1
            continue
        return end


_STOP = re.compile(
    r"\\{1,4}[nrt\"']|&(?:quot|amp|lt|gt|#\d{2});|;|[,&](?=[A-Za-z_][\w.-]{0,40}[=:])|\$\(|,\Z|%0[AaDd]|%26|[，。；、！？」』”»》）]"
)


def _bare_end(text: str, start: int, end: int, place: Place) -> int:
    """Where a bare value really ends: before what closes the statement, the list, the sentence around it."""
    stop = _STOP.search(text, start, end)
    if stop:
        end = stop.start()
    if place == "query":
        for mark in "&#":
            cut = text.find(mark, start, end)
            end = cut if cut >= 0 else end
    edges = _EDGES_OF_SENTENCES if place in ("said", "beside", "cell") else _EDGES
    while end > start and text[end - 1] in edges:
        last = text[end - 1]
        if last in ")]}" and text.count(_OPENS[last], start, end) >= text.count(last, start, end):
            break
        end -= 1
    return end


_OPENS = {")": "(", "]": "[", "}": "{"}
