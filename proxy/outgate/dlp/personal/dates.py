"""How a day of a calendar is written, in figures and in words of many languages, as parts of regular expressions.

Case makes no difference but to Roman numerals. Each is one pattern without anchors; ``DATE`` has groups of its own.
"""

from __future__ import annotations

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
# Spelt out, as who is asked says it.
_NTH = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth"
    r"|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty[ -](?:first|second|third|fourth|fifth"
    r"|sixth|seventh|eighth|ninth)|thirtieth|thirty[ -]first)"
)
_ERA = r"(?:明治|大正|昭和|平成|令和|民[國国])"
YEAR = r"(?:18[89]\d|19\d\d|20[0-4]\d)"
TWO_DAYS, TWO_MONTHS = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])"
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
DATE = (
    rf"{YEAR}(?P<a>[-/. ]|,[ ]?){_MONTH}(?P=a){_DAY}(?=T\d|\D|$)"
    rf"|{YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|{_DAY}(?P<b>[-/. ]|\.\ |\ /\ ){_MONTH}(?P=b)(?:{YEAR}|[’']?\d\d)"
    rf"|{_MONTH}(?P<c>[-/. ]|\ /\ ){_DAY}(?P=c)(?:{YEAR}|[’']?\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th|er|º|\.)?[ /-]?(?:day )?(?:of |de |d[’'])?(?:{_MONTHS})(?=\b|\d)"
    rf"[,.]?[ /-]?(?:de[l]? )?(?:{YEAR}|[’']?\d\d)"
    rf"|(?:{_MONTHS})\b[ -.]?[ ]?{_DAY}(?:st|nd|rd|th)?(?:,?[ -]{YEAR}|,?[ ][’']\d\d|,[ ]\d\d(?![:.]?\d))"
    rf"|{YEAR}[.,]?[ -](?:{_MONTHS})\.?[ -]{_DAY}(?:st|nd|rd|th|\.(?!\d))?"
    rf"|(?:the )?{_NTH} (?:of )?(?:{_MONTHS}),? {YEAR}|(?:{_MONTHS}) (?:the )?{_NTH},? {YEAR}"
    rf"|(?:{YEAR}|{_ERA}[ ]?(?:元|\d{{1,3}}))[年년][ ]?{_MONTH}[月월][ ]?{_DAY}[日일]"
)
