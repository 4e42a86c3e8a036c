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
from outgate.dlp.personal.dates import DATE, TWO_DAYS, TWO_MONTHS, YEAR
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.scripts import SOLID
from outgate.dlp.statements import values_under
from outgate.dlp.tables import aligned, likely_fields, marked_up, may_be_header

ENTITY = "DATE_OF_BIRTH"
_SURE, _LIKELY = 0.9, 0.75
_REACH = 120  # code points behind a label in which its date begins; forms fill up with blanks
_BEFORE = 48  # code points before a label in which a date may stand that it is behind of
_COLUMNS = 4  # of one table that may be dates of birth
_FEW = 5  # words of any kind between a label with a colon and its date

# A label of forms, and a word of prose.
# What a form asks for together with the date, and before it.
_PLACES = r"(?:place|lieu|luogo|lugar|local|(?:geburts)?ort|tempat|miejsce|plaats)"
_FORMS = (
    r"(?:dates?|days?|dt)[ _-]?(?:(?:and|/|&)[ ]?place[ _-]?)?(?:of[ _-]?)?births?|"
    rf"(?:{_PLACES}|time)[ ]?(?:and|[/&,]|et|e|y|und|i|en)[ ]?(?:dat[ae]|fecha|tgl\.?|tanggal|-?(?:geburts)?datum)"
    r"(?:[ ](?:of|de|di|do|da|of)?[ ]?(?:birth|naissance|nascita|nacimiento|nascimento|urodzenia|lahir))?|"
    r"b(?:i?r)?th[ ._-]?(?:dates?|days?|dt(?:tm)?|ymd|time(?=[\"' ]{0,2}[:=>v]))(?:[ _-]?(?:str|iso|ymd))?|birt(?=\n)|"
    r"births?(?=[\"']?[ ]?[:=;|\t(]|[\"']?,\S)|(?<=[,;|\t\"'])births?(?=[\"']?\n)|"
    r"fec[ _-]?nac(?:imiento)?|geb[ _-]?dat|gbdat|"
    r"(?:user|patient|customer|client|employee|member|person|subscriber|insured|child|spouse)?"
    r"d(?:[._]?o[._]?|\.[ ]o\.[ ])b(?:\.|s(?![^\W_])|[ _-]?dates?|_?\d(?!\d)|[ _-]?(?:str|iso|ymd))?|"
    r"b[ _-]?days?|bdate|(?:date|dt)[ _-]?born|"
    r"born[ _-]?(?:on|date)|"
    r"geburtsdat(?:um|en)|geburtstage?|geb(?=:[ ]?\d)|geb(?:\.|oren)?[ ]?-?(?:am|dat(?:um|\.))|geb\.|"
    r"date[ _-]?(?:de[ _-]?)?naiss(?:ance|\.)?|fecha[ _-]?(?:de[ _-]?)?nac(?:imiento|\.)?|f[._]?[ ]?nac(?:imiento|\.)|"
    r"nacimiento|naissance|nascita|d\.?d?\.?n\.?(?=[ ]?:?[ ]?\d)|"
    r"d(?:a?ta?)[ _-]?(?:d[ie][ _-]?)?nasc(?:ita|imento|\.)?|nascimento|"
    # Without their marks, as columns and variables are called; SDTM's variable.
    r"f(?:o|oe)dsels?dat(?:o|um)|fodelsedatum|syntymaaika|szuletesi[ _]?(?:datum|ido)|dogum[ _]?tarihi|brthdtc|"
    r"geboortedat(?:um|a)|geb\.?[ _-]?datum|data[ _-](?:urodzenia|ur\.)|født|fødselsdato|"
    r"fødselsdag|födelsedatum|född|syntymäaika|syntynyt|datum[ _]narozen[íi]|dátum[ _]narodenia|"
    r"születési[ ](?:dátum|idő)|szül\.|data[ _]nașterii|data[ _]nasterii|"
    r"datum[ _](?:rođenja|rojstva)|doğum[ _](?:tarihi|günü)|sünni(?:aeg|kuupäev)|dzimšanas[ _]datums|gimimo[ _]data|"
    r"fæðingardag\w{1,3}|ngày[ _]sinh|sinh[ ]ngày|tanggal[ _]lahir|tgl\.?[ _]lahir|"
    r"дата[ _]?(?:рождения|народження)|дата[ _]на[ _]раждане|ημερομηνία[ _]γέννησης|ημ\.?[ _]γέννησης|"
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
# Words that stand right behind the date, and labels where nothing follows them.
_BEHIND = (
    r"г\.?[ ]?р\.|(?:года[ ])?(?:рождения|народження)|р\.[ ]?н\.|doğumlu|doğdu|"
    r"생(?=$|[\s,.)(])|출생|出生|生まれ|生(?=$|[\s,。、.)])|"
    r"(?:dob|birth[ ]?da(?:te|y)|date[ ]of[ ]birth)(?=[ ]?(?:$|[\n.,;)]))"
)
# A word of a label may also begin where a hump of camel case does: `patientDob`.
_BEGINS = rf"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[DBFG]))|(?={SOLID}))"
_BEGINNING = re.compile(_BEGINS + r"(?=[^\W\d]|\*|(?<=[(,])[ ])", re.IGNORECASE)
_LABEL = re.compile(
    rf"{_BEGINS}(?:(?P<behind>(?={_BEHIND}))?(?:(?P<form>{_FORMS})|(?P<prose>{_PROSE}|{_BEHIND})))(?:(?<=[.*])|(?<={SOLID})|(?![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))",
    re.IGNORECASE,
)
_DATED = re.compile(
    rf"(?:(?<![^\W_])(?<![/.-])|(?<={SOLID}))(?:{DATE})(?:(?<=[日일])|(?![^\W_]|[/-]|[.]\d))", re.IGNORECASE
)
_SHORT_YEAR_FIRST = re.compile(r"\d\d(?P<a>[-/])(?:0[1-9]|1[0-2])(?P=a)(?:0[1-9]|[12]\d|3[01])")
_LONGEST_CELL = 80  # code points of one that has a date and something about it
_CODED = re.compile(
    rf"(?<![\w/.-])(?:{YEAR}(?P<a>-?)(?:0[1-9]|1[0-2])(?P=a)(?:0[1-9]|[12]\d|3[01])(?=T\d|\d{{6}}Z)"
    rf"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|[12]\d|3[01]){YEAR}(?!\w))"
)
# In a column of births: 12031981 and 03121981.
_RUN_TOGETHER = re.compile(rf"(?:{TWO_DAYS}{TWO_MONTHS}|{TWO_MONTHS}{TWO_DAYS}){YEAR}")
_ALONE = re.compile(rf"(?:{DATE})(?:[T ]\d?\d:\d\d[\d:.Z+-]*(?: ?[ap]m)?)?", re.IGNORECASE)
_IN_COLUMNS = (_ALONE, _SHORT_YEAR_FIRST, _RUN_TOGETHER)
_AHEAD = re.compile(
    rf"(?:(?<![\w/.-])|(?<={SOLID}))(?P<value>{DATE})(?:[ ]?[(\[][ ]?"
    r"|[ ](?:is|was|as|for)[ ](?:(?:my|his|her|their|your|the)[ ])?(?:\w+[’']s[ ])?)$",
    re.IGNORECASE,
)
_RIGHT_AHEAD = re.compile(
    rf"(?:(?<![\w/.-])|(?<={SOLID}))(?P<value>{DATE})(?:[’'](?:de|da|te|ta))?[.,]?[ ]?(?:[-–—][ ]|г(?:ода|\.)?[ ])?$",
    re.IGNORECASE,
)
_WHERE_AHEAD = {"form": _AHEAD, "behind": _RIGHT_AHEAD}
_SEVERAL = re.compile(r"s$|dates|days", re.IGNORECASE)
_ANOTHER = re.compile(
    r"[\"']?,?[ ](?:to|but(?:[ ][a-z’']{1,9}){0,5}[ ](?:be|is|was)|(?:and[ ])?not|instead[ ]of)[ ]"
    r"|[\"']?\r?\n[\"']?(?=\d)|\)?[\"']?,?\s{1,9}(?:and[ ])?(?:[^\W\d_][\w’'-]{0,30}[ ]){1,3}\("
    r"|[\"']?\s{0,9},\s{0,9}[\"']|[ ]?(?:[,;/&+]|\b(?:and|und|et|y|e|en|i)\b)[ ]?(?:[^\W\d_][\w’'-]*[ :]{1,2}){0,3}"
)
# HL7 version 2: the seventh field of the patient's segment. X12: the second of DMG. DICOM: the
# attribute (0010,0030). A driving licence's bar code (AAMVA): DBB.
_SEGMENT = re.compile(
    r"(?:\bPID\|(?:[^|\n]{0,120}\|){6}|\bDMG\*D8\*|\bDBB|\(0010,0030\)[ \t]{0,9}(?:DA)?[ \t]{0,9}\[?)"
    rf"(?P<value>{YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]){YEAR}(?!\d))"
)
# "aged 43 (12/03/1981)", "43 y/o (1981-03-12)": the year of a birth that goes with the age.
_AGED = re.compile(
    r"\b(?:aged?:?[ ](?P<age>\d{1,3})|(?P<years>\d{1,3})[ -]?(?:y/o|yo|y\.o\.|yrs?|years?[ -]old|[MF]\b|[ ][MF]\b))"
    rf"(?:[ ][^\W\d_]{{1,12}})?,?[ ]?[(\[,][ ]?(?P<value>{DATE})(?!\w)",
    re.IGNORECASE,
)
# "W/F 08/14/1996": race and sex, as the police of the United States write them, and the date behind them.
_SEXED = re.compile(
    rf"(?<![^\W_])(?-i:[WBHAIUO]/[MF]),?[ ]{{1,3}}(?:\d{{1,3}},?[ ])?\(?(?P<value>{DATE})(?!\w)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?<!\w)[A-ZÀ-ÞĀ-ſ][\w.’'-]*[ ]$|[(,][ ]?$")  # what a star stands behind
_FULL_YEAR = re.compile(YEAR)
_SOON, _LONG_AGO = 2030, 1990  # years in which somebody of that age may have been written of
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
    r"|(?:\?|\bplease[.!?]?)[\"'*_]{0,3}\s{1,3}(?:[-–—>]\s)?(?:[^\W\d_][\w .]{0,20}:(?=\s))?"
    r"|[\"']\s?,\s{0,9}[\"']?(?:value|val|typed|text|content|answer|input)[\"']?(?=\s?[:=])"
    r"|\bat[ ]\d{1,2}[:.h]\d\d(?:\s?[ap]\.?m\.?)?|\n\d[ ]DATE\b|</?[a-z][^<>\n]{0,60}>|!!\w+|^\}"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)"
    r"day,?",
    re.I,
)
_NEXT_CELL = re.compile(r"[\"']?[ \t]{0,9}[,;|\t][ \t]{0,9}[\"']?")
_WITH_PLACE = re.compile(_PLACES, re.IGNORECASE)
_PLACE_FIRST = re.compile(
    r"[\s\"'*_]{0,3}[:=][\s\"'*_]{1,4}[^\W\d_][^\n\d:;]{1,40},[ ]?(?:(?:le|il|el|am|on)[ ])?"
)
# "Name and DOB: Ann Lee, ..."
_NAME_AND = re.compile(r"\bname[ ]?(?:and|[/&,+])[ ]?(?:the[ ])?$", re.IGNORECASE)
_NAME_FIRST = re.compile(r"[\"'*_]{0,3}[:=]?[ ](?:[^\W\d_][\w.’'-]{0,30},?[ ]){1,4}(?:[-–/][ ])?")
# Words in small letters that need no sign, as far as the date is that of a grown-up.
_LOOSELY = re.compile(r"(?:,?[ ][a-z’']{1,14}){1,9}[:=]?[ ]|(?:[ ][a-z’']{1,14}){1,9}[ ]?[:=]?[ ]?")
_GROWN_UP = 2010  # born before
# "... from this to that", "... is this but should be that"
_CORRECTED = re.compile(r"\b(?:from|on file|on record|is|was|as|says)\b", re.IGNORECASE)
_BREAK = re.compile(r"\d|[;{}!?]|(?<!\bSt)\.[\s]+(?=[A-ZÀ-Þ])|,\s*[\"']|[\"']\s*,|\n[^\S\n]*\n")
_WORD = re.compile(r"[^\W\d_]+")
# Words that lead from a label to its date.
_LEADING = frozenset(
    """is was were are as on the of at be to in le la el il am den op dnia dniu dne dňa em dia um the a an på vào ngày
    na 是 为 為 は が 은 는 στις την and given recorded listed stated entered noted reads value string date type text
    datetime new equals between giorno día tag jour confirmed verified from it its yes sure yeah ok okay hi we you i
    have     got that 于 於 在 で に 의 please sir madam there here prematurely
    should correct actually really being e s month day year file record
    records""".split()
)
# With one of these the date is that of something else, or there is none.
_OTHER = frozenset(
    """null none unknown missing not no nil undefined redacted created updated modified admitted issued issue expires
    expiry expiration valid since until died death deceased dod hired joined seen visit visited admission discharge
    discharged registered appointment due today yesterday tomorrow deadline meeting event party gift card dinner cake
    lunch brunch breakfast drinks bash celebration celebrations wishes greetings reminder email message trip weekend
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
            r"birth|d[._]?o[._]?b|d\. o\. b|b[ _-]?day|born|\bgeb|naiss|\bnée?|nac[ií]|nace\b|\bnac\.|\bnat[oa]\b|nasc|"
            r"geboor|urodz|\bur\.|født|fødsel|född|födels|syntym|syntyn|naroz|naroden|\bnar\.|születe|születé|szül\.|născut|"
            r"nașter|naster|rođen|rojst|rojen|doğum|sünni|sündinud|dzim[šiu]|\bgim(?:imo|ęs|usi)|fædd|fæðing|"
            r"ngày sinh|sinh ngày|lahir|рожден|народжен|роди[лв]|раждане|роден|γέννησης|γεννή|γεννηθ|"
            r"לידה|الميلاد|الولادة|วันเกิด|जन्म|生年月日|出生|生日|誕生日|출생|생년월일|생일|"
            r"\bd\.?d?\.?n\b\.?:? ?\d|"
            r"г\.? ?р\.|р\. ?н\.|doğdu|"
            r"\d[일日]생|生まれ|日生|\bbirt\n|b(?:i?r)?thd|\bbdate|"
            r"fec(?:ha)?[ _-]?(?:de[ _-]?)?nac|gbdat|fo(?:e)?dsels|fodelsedat|syntymaaika|szuletesi|dogum|brthdtc|"
            r"lieu et date|luogo e data|lugar y fecha|ort und -?datum|"
            r"\bturn(?:s|ed|ing)? \d|[(,] ?(?:b\.|\*) ?\d|"
            r"[(,] ?b\. ?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\w b\. ?\d|"
            r"\w \* ?\d\d?\. ?\d\d?\. ?\d{4}",
            int(re.IGNORECASE),
            before=24,
            after=160,
        ),
        Expression(r"\bDMG\*|\(0010,0030|\bDBB\d|\bPID\|"),
        Expression(
            r"\baged?:? \d|\b[wbhaiuo]/[mf],? {1,3}\(?\d|"
            r"\b\d{1,3}[ -]?(?:y/o|yo\b|y\.o\.|yrs?\b|years?[ -]old|[mf]\b|[ ][mf]\b)[^\n]{0,13}[ ,(\[]\d?",
            int(re.IGNORECASE),
        ),
    )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The dates alone: beside labels (0), in the fields of standards (1), beside an age or a sex (2)."""
        found = (self._labelled, self._coded, self._aged)[which]
        return found(text.lined, windows)

    def _labelled(self, lined: str, windows: Sequence[Window]) -> Iterator[Match]:
        columns: list[int] = []
        tables = _Tables(lined)
        for label in matches(_LABEL, lined, windows, _BEGINNING):
            columns.append(label.start())
            below = tables.below(label)
            yield from self._dates(lined, below)
            if not below:
                score = _SURE if label["form"] else _LIKELY
                for start, end in _beside(lined, label):
                    yield Match(start, end, ENTITY, score, self.name)
        if columns:
            yield from self._dates(lined, values_under(lined, columns))

    def _coded(self, lined: str, windows: Sequence[Window]) -> Iterator[Match]:
        for found in matches(_SEGMENT, lined, windows):
            yield Match(*found.span("value"), ENTITY, _SURE, self.name)

    def _aged(self, lined: str, windows: Sequence[Window]) -> Iterator[Match]:
        for found in matches(_AGED, lined, windows):
            year = _FULL_YEAR.search(found["value"])
            if year and _LONG_AGO <= int(year[0]) + int(found["age"] or found["years"]) <= _SOON:
                yield Match(*found.span("value"), ENTITY, _LIKELY, self.name)
        for found in matches(_SEXED, lined, windows):
            if _is_long_ago(found["value"]):
                yield Match(*found.span("value"), ENTITY, _LIKELY, self.name)

    def _dates(self, text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Match]:
        for start, end in spans:
            if any(form.fullmatch(text, start, end) for form in _IN_COLUMNS):
                yield Match(start, end, ENTITY, _SURE, self.name)
            elif end - start <= _LONGEST_CELL:
                first = min(_DATED.finditer(text, start, end), key=_year, default=None)
                if first:
                    yield Match(*first.span(), ENTITY, _SURE, self.name)


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
            or likely_fields(text, start)
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
    if label[0] == "*" and not _NAMED.search(text, max(0, label.start() - _BEFORE), label.start()):
        return
    date = _DATED.search(text, end, end + _REACH) or _CODED.search(text, end, end + _REACH)
    between = text[end : date.start()] if date else ""
    form = label["form"] is not None
    if date and (
        _leads(between, form=form)
        or (_WITH_PLACE.match(label[0]) and _PLACE_FIRST.fullmatch(between))
        or (
            form
            and _NAME_AND.search(text, max(0, label.start() - 16), label.start())
            and _NAME_FIRST.fullmatch(between)
        )
        or (form and _is_long_ago(date[0]) and _LOOSELY.fullmatch(between) and not _is_of_another(between))
    ):
        yield date.span()
        below = "\n" in between and not between.strip(" \"'\r\n")
        several = _SEVERAL.search(label[0]) or "[" in between or below or _CORRECTED.search(between)
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
    else:
        patterns = [pattern for kind, pattern in _WHERE_AHEAD.items() if label[kind] is not None]
        start = max(0, label.start() - _BEFORE)
        ahead = next(filter(None, (one.search(text, start, label.start()) for one in patterns)), None)
        if ahead:
            yield ahead.span("value")


def _is_of_another(between: str) -> bool:
    """Whether the words say that the date is of something else, or that there is none."""
    return any(word.lower() in _OTHER for word in _WORD.findall(between))


def _year(date: re.Match[str]) -> int:
    """Of a date that has four digits for it; one that has not comes last."""
    found = _FULL_YEAR.search(date[0])
    return int(found[0]) if found else _SOON


def _is_long_ago(date: str) -> bool:
    year = _FULL_YEAR.search(date)
    return year is not None and int(year[0]) < _GROWN_UP


def _leads(between: str, *, form: bool) -> bool:
    """Whether what stands between a label and a date leads from the one to the other."""
    if form and (_NEXT_CELL.fullmatch(between) or not between.strip()):
        return True
    between = _HINT.sub("", between)
    if _BREAK.search(between):
        return False
    words = _WORD.findall(between)
    if not words:
        return True
    if _is_of_another(between):
        return False
    others = [word for word in words if word.lower() not in _LEADING]
    if not others:
        return True
    if "\n" in between.strip() or len(others) > _FEW:
        return False
    if form:
        return "," not in between and (":" in between or "=" in between)
    return _PLACED.match(between) is not None or all(word[0].isupper() for word in others)
