"""Street addresses of Brazil, India, Vietnam, Indonesia, China, Japan and Korea.

After the Universal Postal Union's "Addressing systems" of each country. From the greatest to the smallest and without
blanks in Chinese and Japanese, so that only the words for provinces, wards and house numbers say where they are; all
others have a word for "street", as ``addresses_abroad`` has for nearer countries. One expression a country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.addresses import ENTITY
from outgate.dlp.scanner import Expression, Window, matches

_SCORE = 0.85
_WORD = r"[^\W\d_][\w.'’-]{0,24}"
_NAMES = rf"{_WORD}(?:[ ]{_WORD}){{0,4}}"
_TITLED = r"(?-i:[A-ZÀ-Þ])[\w.'’-]{0,24}(?:[ ](?:(?:d[aeo]s?|e)[ ])?(?-i:[A-ZÀ-Þ\d])[\w.'’-]{0,24}){0,4}"
_CITY = r"(?-i:[A-ZÀ-Þ])[\w'’-]{1,24}(?:[ ](?-i:[A-ZÀ-Þ])[^\W\d][\w'’-]{0,24}){0,3}"
_BRAZILIAN = r"(?:rua|r\.|avenida|av\.?|travessa|tv\.|alameda|al\.|praça|pça\.|rodovia|rod\.|estrada|largo|quadra|vila)"
_UF = r"(?-i:AC|AL|AP|AM|BA|CE|DF|ES|GO|MA|MT|MS|MG|PA|PB|PR|PE|PI|RJ|RN|RS|RO|RR|SC|SP|SE|TO)"
_INDIAN = r"(?:flat|shop|plot|house|door|villa|office|room|h\.|d\.)[ ]?(?:no\.?)?"
_ROAD = (
    r"(?:road|rd|street|st|marg|nagar|colony|enclave|lane|salai|chowk|bazaar|bazar|society|vihar|"
    r"sector[ ]\d{1,3}|phase[ ]\w{1,4}|puram)"
)
_SHI, _HAN = "[\u4e00-\u9fff]", "[\u4e00-\u9fff\u3040-\u30ffヶケ々]"
_DIGIT = "[0-9０-９]"
_PREFECTURE = (
    "(?:北海道|東京都|(?:京都|大阪)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野|岐阜|静岡|"
    "愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県)"
)
_PROVINCE = (
    "(?:北京|上海|天津|重庆|重慶|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|"
    "内蒙古|广西|西藏|宁夏|新疆|廣東|臺北|台北|新北|台中|臺中|台南|臺南|高雄|桃園)(?:市|省|自治区)"
)
_KOREAN_PROVINCE = (
    "(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충청북|충청남|전라북|전라남|전북|경상북|경상남|제주)"
    "(?:특별시|광역시|특별자치시|특별자치도|시|도)?"
)
_WARD = rf",[ ](?:phường|xã|p\.)[ ]?(?:\d{{1,2}}|{_NAMES})"
_DISTRICT = rf",[ ](?:quận|huyện|thị[ ]xã|q\.)[ ]?(?:\d{{1,2}}|{_NAMES})"
# Each with what is cheap to look for.
_FORMS: tuple[tuple[Expression, str], ...] = (
    # Rua Augusta, 1508, apto 42, Consolação, São Paulo - SP, 01304-001
    (
        Expression(
            rf"[-/,–] ?{_UF}\b[^\n\w]{{1,6}}(?:cep[ .:]{{0,3}})?\d{{5}}-?\d{{3}}\b",
            re.I,
            before=150,
            after=20,
        ),
        rf"(?<![\w.@/-]){_BRAZILIAN}[ ]{_TITLED},?[ ](?:n[.º°o]{{0,2}}[ ]?)?(?:\d{{1,5}}|s/n)(?!\w)"
        rf"(?:[ ]?[,–-][ ](?:{_NAMES}(?:[ ]\d{{1,4}}\w?)?)){{0,4}}[ ]?[-/,–][ ]?{_UF}\b[^\n\w]{{1,6}}"
        r"(?:cep[ .:]{0,3})?\d{5}-?\d{3}(?!\d)",
    ),
    # Flat 402, Sai Krupa Apartments, MG Road, Pune 411001
    (
        Expression(rf"\b{_INDIAN}[ :-]{{0,2}}[a-z]?\d[\w/-]{{0,9}}, ", re.I, after=160),
        rf"(?<!\w){_INDIAN}[ :-]{{0,2}}[A-Z]?\d[\w/-]{{0,9}},[ ](?:(?:{_NAMES},[ ]){{0,4}}?{_NAMES}[ -]{{1,3}}"
        rf"(?<=[ -])[1-9]\d{{2}}[ ]?\d{{3}}(?!\d)|(?:{_TITLED},[ ]){{0,3}}(?:(?-i:[A-Z])[\w.'’-]{{0,24}}[ ]){{1,4}}"
        rf"{_ROAD}\b(?:,[ ]{_CITY}){{0,2}}(?:[ ,-]{{1,3}}[1-9]\d{{2}}[ ]?\d{{3}}(?!\d))?)",
    ),
    # 45 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh
    (
        Expression(r", ?(?:phường|quận|huyện|thị xã|p\.|q\.) ?\w", re.I, before=70, after=90),
        rf"(?<![\w.,/-])(?:số[ ])?\d{{1,4}}(?:[A-Z]|/\d{{1,4}}){{0,3}}[ ](?:đường[ ])?(?-i:[^\W\d_a-z]){_NAMES}"
        rf"(?:{_WARD}(?:{_DISTRICT})?|{_DISTRICT})"
        r"(?:,[ ](?:tp\.?|thành[ ]phố|tỉnh)?[ ]?(?-i:[^\W\d_a-z])\w{1,12}(?:[ ](?-i:[^\W\d_a-z])\w{0,12}){0,3})?",
    ),
    # Jl. Merdeka No. 45, RT 01/RW 02, Bandung 40111
    (
        Expression(r"\b(?:jl\.|jln\.?|jalan) ?[a-z]", re.I, after=150),
        rf"(?<!\w)(?:jl\.|jln\.?|jalan)[ ]?{_TITLED},?[ ](?:no\.?|nomor|kav\.?|blok)[ ]?\w{{1,6}}(?:[-/]\w{{1,4}})?"
        rf"(?:,?[ ]rt\.?[ ]?\d{{1,3}}[ /]{{1,3}}rw\.?[ ]?\d{{1,3}})?(?:,[ ]{_CITY}){{0,3}}(?:,?[ ]\d{{5}}(?!\d))?",
    ),
    # 〒530-0001 大阪府大阪市北区梅田2-4-9
    (
        Expression(f"{_PREFECTURE}{_HAN}", before=14, after=60),
        rf"(?:〒?[ ]?\d{{3}}-\d{{4}}[ \u3000]?)?"
        rf"{_PREFECTURE}{_HAN}{{1,8}}[市区町村郡]{_HAN}{{1,14}}[ \u3000]?{_DIGIT}{{1,4}}"
        rf"(?:丁目{_DIGIT}{{0,4}}|番地?の?{_DIGIT}{{0,4}}|号|[-－ー−‐–]{_DIGIT}{{1,4}}){{0,4}}"
        rf"(?:号室|[ \u3000][^\s、。,，]{{2,20}}?{_DIGIT}{{1,4}}(?:号室?|階|F)?)?",
    ),
    # 上海市徐汇区漕溪北路88号3栋502室
    (
        Expression(f"{_PROVINCE}{_SHI}", after=60),
        rf"{_PROVINCE}(?:{_SHI}{{1,6}}市)?(?:{_SHI}{{1,6}}[区县區縣市])?(?:{_SHI}{{1,8}}[镇乡鎮鄉村])?{_SHI}{{1,12}}?"
        rf"(?:路|街|道|巷|弄|村|段)[东西南北中段一二三四五六七八九十東]{{0,3}}{_DIGIT}{{1,5}}(?:号|號|弄)"
        rf"(?:{_SHI}{{0,10}}{_DIGIT}{{1,4}}(?:号楼|栋|棟|座|单元|單元|层|樓|楼|室|号|號)|[A-Z]座){{0,5}}",
    ),
    # 서울특별시 마포구 양화로 45, 3층
    (
        Expression(f"{_KOREAN_PROVINCE} [\uac00-\ud7a3]", after=60),
        rf"(?<![\uac00-\ud7a3]){_KOREAN_PROVINCE}(?:[ ][\uac00-\ud7a3]{{1,6}}[시군구]){{1,2}}"
        r"(?:[ ][\uac00-\ud7a3]{1,6}[읍면])?"
        r"[ ][\uac00-\ud7a3\d]{1,12}(?:로|길|동|리)[ ]\d{1,5}(?:-\d{1,4})?(?:번지)?(?:,?[ ]\d{1,4}(?:동|호|층)){0,3}",
    ),
)
_STREETS = tuple(
    re.compile(pattern, re.IGNORECASE if expression.flags else 0) for expression, pattern in _FORMS
)


class AddressOverseasDetector:
    """Finds street addresses of Brazil and of Asia."""

    name = "addresses-overseas"
    entities = frozenset({ENTITY})
    expressions = tuple(expression for expression, _ in _FORMS)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Whole addresses."""
        for found in matches(_STREETS[which], text.text, windows):
            end = found.start() + len(found[0].rstrip(" ,.-"))
            yield Match(found.start(), end, ENTITY, _SCORE, self.name)
