"""Dates of birth: a date beside a word that says so, as forms, letters, records and code write them.

A date alone is nobody's secret, so there is always a label: "Date of birth: 04/07/1981", `"dob": "1981-07-04"`,
"geb. am 4. Juli 1981", "née le 3 mars 1980 à Lyon", "4 July 1981 (DOB)", a column of a table or of an INSERT. What
stands between label and date is marks and a few words that lead on to it: no other sentence, no other event, no
other key. Only days that a calendar has count, in years that somebody alive may be born in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.scripts import SOLID
from outgate.dlp.statements import values_under
from outgate.dlp.tables import aligned, fields, marked_up, may_be_header

ENTITY = "DATE_OF_BIRTH"
_SURE, _LIKELY = 0.9, 0.75
_REACH = 120  # code points behind a label in which its date begins; forms fill up with blanks
_BEFORE = 48  # code points before a label in which a date may stand that it is behind of
_COLUMNS = 4  # of one table that may be dates of birth
_FEW = 5  # words of any kind between a label with a colon and its date

# A label of forms, and a word of prose.
_FORMS = (
    r"(?:dates?|days?|dt)[ _-]?(?:(?:and|/|&)[ ]?place[ _-]?)?(?:of[ _-]?)?births?|"
    r"(?:time|place)[ ]?(?:and|/|&)[ ]?date[ ]of[ ]birth|"
    r"birth[ _-]?(?:dates?|days?|dt)|births?(?=[\"']?[ ]?[:=])|"
    r"d(?:[._]?o[._]?|\.[ ]o\.[ ])b(?:\.|s(?![^\W_])|(?:[ _-]?dates?))?|b-?days?|"
    r"born[ _-]?(?:on|date)|"
    r"geburtsdat(?:um|en)|geburtstage?|geb(?:\.|oren)?[ ]?-?(?:am|dat(?:um|\.))|geb\.|"
    r"date[ _-](?:de[ _-])?naiss(?:ance|\.)|fecha[ _-](?:de[ _-])?nac(?:imiento|\.)|f\.[ ]?nac(?:imiento|\.)|"
    r"nacimiento|naissance|nascita|d\.?d?\.?n\.?(?=[ ]?:?[ ]?\d)|"
    r"data[ _-](?:di[ _-])?nasc(?:ita|\.)|data[ _-](?:de[ _-])?nasc(?:imento|\.)|nascimento|"
    r"geboortedat(?:um|a)|geb\.?[ ]?datum|data[ _-](?:urodzenia|ur\.)|født|fødselsdato|"
    r"fødselsdag|födelsedatum|född|syntymäaika|syntynyt|datum[ _]narozen[íi]|dátum[ _]narodenia|"
    r"születési[ ](?:dátum|idő)|szül\.|data[ _]nașterii|data[ _]nasterii|"
    r"datum[ _](?:rođenja|rojstva)|doğum[ _](?:tarihi|günü)|sünni(?:aeg|kuupäev)|dzimšanas[ _]datums|gimimo[ _]data|"
    r"fæðingardag\w{1,3}|ngày[ _]sinh|tanggal[ _]lahir|tgl\.?[ _]lahir|"
    r"дата[ _](?:рождения|народження)|дата[ _]на[ _]раждане|ημερομηνία[ _]γέννησης|ημ\.?[ _]γέννησης|"
    r"תאריך[ _]לידה|تاريخ[ _](?:الميلاد|الولادة)|วันเกิด|जन्म[ _]?तिथि|"
    r"生年月日|出生(?:日期|年月日)?|生日|誕生日|출생일?|생년월일|생일"
)
_PROSE = (
    r"born|turn(?:s|ed|ing)?[ ]\d{1,3}(?:[ ]years[ ]old)?(?=[ ]on[ ])|geboren|"
    r"née?s?|né(?:\(e\)|[.·/]e)(?:s|\(s\))?|nace|nac[ií]|naci[óo]|nasc(?:i|eu)|nacid[oa](?:/[oa]|\([oa]\))?|"
    r"(?-i:[Nn]at[oa])(?:/[oa]|\([oa]\))?|nascid[oa](?:/[oa]|\([oa]\))?|urodz(?:on[ya]|ił[a]?[ ]się)|ur\.|"
    r"naroz(?:en[áaý]?|ený)|naroden[áý]|nar\.|rođen[a]?|rojen[a]?|născut[ă]?|született|sündinud|dzim(?:is|usi)|gim(?:ęs|usi)|"
    r"fædd(?:ur)?|doğumlu|роди(?:лся|лась|вся|лася)|роден[а]?|γεννήθηκε|γεννηθείσα|γεννηθείς|"
    r"(?<=[(,])[ ]?(?:b\.|\*)|(?<=[(,][ ])(?:b\.|\*)|"
    # Behind a name: "Alma Reyes b. 3/4/1971", "Sabine Uhlig *12.12.1965"
    r"(?<=\w[ ])(?:b\.(?=[ ]?\d)|\*(?=[ ]?\d{1,2}\.[ ]?\d{1,2}\.[ ]?\d{4}))"
)
_MONTHS = (
    # English and the other Germanic languages, French, the other Romance ones, and further east
    r"jan(?:uary|uari|uar|\.)?|feb(?:ruary|ruari|ruar|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?|july?|aug(?:ust|usti|ustus|\.)?|"
    r"sept?(?:ember|\.)?|o[ck]t(?:ober|\.)?|nov(?:ember|\.)?|de[csz](?:ember|\.)?|"
    r"jän(?:ner)?|märz|mai|maj|mei|maart|mars|marts|juni|juli|"
    r"janv(?:ier|\.)?|févr?(?:ier|\.)?|avr(?:il|\.)?|juin|juil(?:let|\.)?|août|septembre|octobre|novembre|déc(?:embre|\.)?|"
    r"ene(?:ro|\.)?|febrero|marzo|abr(?:il|\.)?|mayo|junio|julio|ago(?:sto|\.)?|se[pt]tiembre|setiembre|octubre|noviembre|"
    r"dic(?:iembre|embre|\.)?|"
    r"gen(?:naio|\.)?|febbraio|aprile|mag(?:gio|\.)?|giu(?:gno|\.)?|lug(?:lio|\.)?|set(?:tembre|embro|\.)?|ott(?:obre|\.)?|"
    r"janeiro|fev(?:ereiro|\.)?|março|maio|junho|julho|out(?:ubro|\.)?|novembro|dez(?:embro|\.)?|"
    r"ianuarie|februarie|martie|aprilie|iunie|iulie|septembrie|octombrie|noiembrie|decembrie|"
    r"stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia|"
    r"ledna|února|března|dubna|května|června|července|srpna|září|října|listopadu|prosince|"
    r"január|február|március|április|május|június|július|augusztus|szeptember|október|"
    r"(?:tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu)kuuta|"
    r"ocak|şubat|mart|nisan|mayıs|haziran|temmuz|ağustos|eylül|ekim|kasım|aralık|"
    r"января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря|"
    r"(?:ιανουαρ|φεβρουαρ|μαρτ|απριλ|ιουν|ιουλ|σεπτεμβρ|οκτωβρ|νοεμβρ|δεκεμβρ)ίου|μα[ΐι]ου|αυγούστου|"
    r"(?-i:I{1,3}|I?V|VI{1,3}|I?X|XI{1,2})"
)
_YEAR = r"(?:18[89]\d|19\d\d|20[0-4]\d)"
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_DATE = (
    rf"{_YEAR}(?P<a>[-/. ]|,[ ]?){_MONTH}(?P=a){_DAY}(?=T\d|\D|$)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|{_DAY}(?P<b>[-/. ]|\.\ ){_MONTH}(?P=b)(?:{_YEAR}|\d\d)"
    rf"|{_MONTH}(?P<c>[-/. ]){_DAY}(?P=c)(?:{_YEAR}|\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th|er|º|\.)?[ -]?(?:of |de |d[’'])?(?:{_MONTHS})(?=\b|\d)"
    rf"[,.]?[ -]?(?:de[l]? )?(?:{_YEAR}|[’']?\d\d)"
    rf"|(?:{_MONTHS})\b[ -.]?[ ]?{_DAY}(?:st|nd|rd|th)?,?[ -]{_YEAR}"
    rf"|{_YEAR}[.,]?[ -](?:{_MONTHS})\.?[ -]{_DAY}(?:st|nd|rd|th|\.(?!\d))?"
    rf"|{_YEAR}[年년][ ]?{_MONTH}[月월][ ]?{_DAY}[日일]"
)
# A word of a label may also begin where a hump of camel case does: `patientDob`.
_LABEL = re.compile(
    rf"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[DB]))|(?={SOLID}))(?:(?P<form>{_FORMS})|(?P<prose>{_PROSE}))(?:(?<=[.*])|(?<={SOLID})|(?![^\W_]))",
    re.IGNORECASE,
)
_DATED = re.compile(
    rf"(?:(?<![\w/.-])|(?<={SOLID}))(?:{_DATE})(?:(?<=[日일])|(?![\w/-]|[.]\d))", re.IGNORECASE
)
_CODED = re.compile(
    rf"(?<![\w/.-]){_YEAR}(?P<a>-?)(?:0[1-9]|1[0-2])(?P=a)(?:0[1-9]|[12]\d|3[01])(?=T\d|\d{{6}}Z)"
)
_ALONE = re.compile(rf"(?:{_DATE})(?:[T ]\d\d:\d\d[\d:.Z+-]*)?", re.IGNORECASE)
_AHEAD = re.compile(
    rf"(?<![\w/.-])(?P<value>{_DATE})(?:[ ]?[(\[][ ]?|[ ](?:is|was|as)[ ](?:(?:my|his|her|their|your|the)[ ])?"
    r"(?:\w+[’']s[ ])?)$",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"s$|dates|days", re.IGNORECASE)
_ANOTHER = re.compile(
    r"[\"']?\s{0,9},\s{0,9}[\"']|[ ]?(?:[,;/&+]|\b(?:and|und|et|y|e|en|i)\b)[ ]?(?:[^\W\d_][\w’'-]*[ :]{1,2}){0,3}"
)
# HL7 version 2: the seventh field of the patient's segment.
_SEGMENT = re.compile(
    rf"\bPID\|(?:[^|\n]{{0,120}}\|){{6}}(?P<value>{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
)
# A list of people with a date each, below "dates of birth".
_HEADING = re.compile(r"[^\n\d]{0,40}\n")
_ITEMS = re.compile(r"[^\n]*\n?")
_LISTED = 10_000  # code points of such a list
_CLOSE = 24  # code points from a label to its date in a line of data
_APART = re.compile(r"[\n,;|\t]")
_HINT = re.compile(
    r"\(?\b(?:dd?|mm?m?|yyyy|yy|tt|jj|jjjj|aaaa|aa|gg)(?:[/. -](?:dd?|mm?m?|yyyy|yy|jj|jjjj|aaaa|aa)){2}\b\)?"
    r"|;VALUE=[\w-]+:|\{\s{0,9}[\"']?(?:date|value|iso)[\"']?(?=\s?:)"
    # The answer to a question; the value beside a key; a tag of YAML, the end of one of TeX; a day of the week.
    r"|\?[\"'*_]{0,3}\s{1,3}(?:[-–—>]\s)?(?:[^\W\d_][\w .]{0,20}:(?=\s))?"
    r"|[\"']\s?,\s{0,9}[\"']?(?:value|val|typed|text|content|answer|input)[\"']?(?=\s?[:=])"
    r"|!!\w+|^\}|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day,?",
    re.I,
)
_NEXT_CELL = re.compile(r"[\"']?[ \t]{0,9}[,;|\t][ \t]{0,9}[\"']?")
_BREAK = re.compile(r"\d|[;{}!?]|\.[\s]+(?=[A-ZÀ-Þ])|,\s*[\"']|[\"']\s*,|\n[^\S\n]*\n")
_WORD = re.compile(r"[^\W\d_]+")
# Words that lead from a label to its date.
_LEADING = frozenset(
    """is was were are as on the of at be to in le la el il am den op dnia dniu dne dňa em dia um the a an på vào ngày
    na 是 为 為 は が 은 는 στις την and given recorded listed stated entered noted reads value string date type text
    datetime new equals between giorno día tag jour confirmed verified
    should correct actually really being e s month day year file record
    records""".split()
)
# With one of these the date is that of something else, or there is none.
_OTHER = frozenset(
    """null none unknown missing not no nil undefined redacted created updated modified admitted issued issue expires
    expiry expiration valid since until died death deceased dod hired joined seen visit visited admission discharge
    discharged registered appointment due today yesterday tomorrow deadline meeting event party gift card dinner cake
    added changed fixed removed see sent received signed started start end ended moved when after before if who which
    met released release married wedding posted published died † verstorben gestorben mort fallecido morto""".split()
)
_PLACED = re.compile(r"\s(?:in|at|near|à|en|a|w|te|em|ad)\s[^\d\n.;:]{2,48}", re.IGNORECASE)


class BirthDetector:
    """Finds dates of birth by their label."""

    name = "births"
    entities = frozenset({ENTITY})
    expressions = (
        Expression(
            r"birth|d[._]?o[._]?b|d\. o\. b|b-?day|born|\bgeb|naiss|\bnée?|nac[ií]|nace\b|\bnac\.|\bnat[oa]\b|nasc|"
            r"geboor|urodz|\bur\.|født|fødsel|född|födels|syntym|syntyn|naroz|naroden|\bnar\.|születe|szül\.|născut|"
            r"nașter|naster|rođen|rojst|rojen|doğum|sünni|sündinud|dzim[šiu]|\bgim(?:imo|ęs|usi)|fædd|fæðing|"
            r"ngày sinh|lahir|рожден|народжен|роди[лв]|раждане|роден|γέννησης|γεννή|γεννηθ|"
            r"לידה|الميلاد|الولادة|วันเกิด|जन्म|生年月日|出生|生日|誕生日|출생|생년월일|생일|"
            r"\bd\.?d?\.?n\b\.?:? ?\d|"
            r"\bturn(?:s|ed|ing)? \d|[(,] ?(?:b\.|\*) ?\d|\w b\. ?\d|\w \* ?\d\d?\. ?\d\d?\. ?\d{4}|\bPID\|",
            int(re.IGNORECASE),
            before=24,
            after=160,
        ),
    )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The dates alone, without their labels."""
        lined = text.lined
        columns: list[int] = []
        tables = _Tables(lined)
        for label in matches(_LABEL, lined, windows):
            columns.append(label.start())
            below = tables.below(label)
            yield from self._dates(lined, below)
            if not below:
                score = _SURE if label["form"] else _LIKELY
                for start, end in _beside(lined, label):
                    yield Match(start, end, ENTITY, score, self.name)
        if columns:
            yield from self._dates(lined, values_under(lined, columns))
        for found in matches(_SEGMENT, lined, windows):
            yield Match(*found.span("value"), ENTITY, _SURE, self.name)

    def _dates(self, text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Match]:
        for start, end in spans:
            if _ALONE.fullmatch(text, start, end):
                yield Match(start, end, ENTITY, _SURE, self.name)


class _Tables:
    """What stands below labels that are names of columns; each table is read a few times at most."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._head = self._end = self._read = 0  # of the last table: end of its names, its end, times read

    def below(self, label: re.Match[str]) -> list[tuple[int, int]]:
        """Spans of the fields below ``label``; nothing within a table's rows."""
        text, start = self._text, label.start()
        if _dated_itself(text, label.end()):
            return []
        if start >= self._end:
            self._read = 0
        elif start >= self._head or self._read >= _COLUMNS:
            return []
        cells = text[start - 200 : start].lower().rpartition("<t")[2][:1] in ("h", "d") and marked_up(
            text, start
        )
        found = (
            cells
            or fields(text, start)
            or [span for span in aligned(text, *label.span()) if _ALONE.fullmatch(text, *span)]
        )
        if found or may_be_header(text, start):
            head, end = text.find("\n", start), text.find("\n\n", start)
            self._head = head if head >= 0 else len(text)
            self._end = end if end >= 0 else len(text)
            self._read += 1
        return found


def _dated_itself(text: str, end: int) -> bool:
    """Whether a date follows the label that ends at ``end`` so closely that it is no column's name."""
    date = _DATED.search(text, end, end + _CLOSE)
    return date is not None and not _APART.search(text, end, date.start())


def _beside(text: str, label: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Spans of the dates that the label is about."""
    end = label.end()
    date = _DATED.search(text, end, end + _REACH) or _CODED.search(text, end, end + _REACH)
    if date and _leads(text[end : date.start()], form=label["form"] is not None):
        yield date.span()
        several = _SEVERAL.search(label[0]) or "[" in text[end : date.start()]
        while several:
            another = _ANOTHER.match(text, date.end())
            date = _DATED.match(text, another.end()) if another else None
            if not date:
                return
            yield date.span()
    elif _SEVERAL.search(label[0]) and _HEADING.match(text, end):
        for line in _ITEMS.finditer(text, text.find("\n", end) + 1, end + _LISTED):
            dated = _DATED.search(text, *line.span())
            if not dated:
                return
            yield dated.span()
    elif label["form"]:
        start = max(0, label.start() - _BEFORE)
        ahead = _AHEAD.search(text, start, label.start())
        if ahead:
            yield ahead.span("value")


def _leads(between: str, *, form: bool) -> bool:
    """Whether what stands between a label and a date leads from the one to the other."""
    if form and _NEXT_CELL.fullmatch(between):
        return True
    between = _HINT.sub("", between)
    if _BREAK.search(between):
        return False
    words = _WORD.findall(between)
    if not words:
        return True
    if any(word.lower() in _OTHER for word in words):
        return False
    others = [word for word in words if word.lower() not in _LEADING]
    if not others:
        return True
    if "\n" in between.strip() or len(others) > _FEW:
        return False
    if form:
        return "," not in between and (":" in between or "=" in between)
    return _PLACED.match(between) is not None or all(word[0].isupper() for word in others)
