"""How street addresses are written, by country, as expressions: data for ``addresses``.

After the postal services' addressing standards: USPS Publication 28, Royal Mail's Postcode Address File, Canada
Post's and Australia Post's guidelines, DIN 5008, La Poste's AFNOR XPZ 10-011, Correos, Poste Italiane, PostNL.
Everything is bounded, so that no expression reads on.
"""

from __future__ import annotations

import re

I = re.IGNORECASE  # noqa: E741
# Between two parts of an address: a comma, a line's end (also as JSON writes it), a blank.
SEPARATOR = (
    r"(?:[ \t]{0,3}[,;|·][ \t]{0,3}(?:\r?\n|\\n)?[ \t]{0,8}|[ \t]{0,3}(?:\r?\n|\\r?\\n)[ \t]{0,8}|[ \t]{1,3}|"
    r"[ \t][–-][ \t])"
)
_WORD = r"[^\W\d_][\w'’.-]{0,24}"
# A place behind its postcode: as a name is written, or one word of a text without capitals.
_CAPITAL = r"(?-i:(?:['’]s-)?[A-ZÀ-Þ][\w'’.-]{0,23}[\w])"
_PLACE = (
    rf"(?:(?:(?-i:[AO])[ ])?{_CAPITAL}(?:(?:[ ]|[ ]?/[ ]?|[ ]-[ ])(?:(?:am|an|der|dem|den|im|in|ob|vor|bei|aan|op|het|"
    rf"sur|sous|en|de|du|des|del|di|da|do|"
    rf"la|las|los|le|les|el|nell?['’]|sul|a)[ ]){{0,2}}{_CAPITAL}){{0,3}}|(?-i:[a-zà-ÿ][\w'’-]{{1,24}}))"
)

# English ----------------------------------------------------------------------------------------------------

# Those that are hardly ever anything else behind a number and a name, and those that are.
TYPES = (
    r"street|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|highway|hwy|parkway|pkwy|crescent|cres|expressway|"
    r"expy|turnpike|tpke|causeway|esplanade|freeway|fwy|mews|cul-de-sac|broadway|terrace|ter|terr|st|str|cir|"
    r"crt|pde|tce"
)
WEAK_TYPES = (
    r"court|ct|place|pl|square|sq|way|close|circle|gardens|gdns|grove|gr|trail|trl|loop|row|walk|hill|park|parade|"
    r"plaza|plz|quay|rise|view|vista|ridge|run|pass|path|pike|alley|aly|bend|cove|crossing|xing|green|heights|hts|"
    r"hollow|junction|landing|manor|mill|point|pt|track|vale|wharf|gate|estate|villas|buildings|bridge|field|fields|"
    r"mount|broadwalk|circuit|cct|chase|copse|croft|dale|end|mall|meadow|meadows|oval|orchard|spur|yard"
)
DIRECTION = (
    r"(?:n\.?[ ]?[ew]?\.?|s\.?[ ]?[ew]?\.?|[ew]\.?|north(?:[ -]?(?:east|west))?|south(?:[ -]?(?:east|west))?|"
    r"east|west)"
)
UNIT = (
    r"(?:(?:flat|apartments?|apt|unit|suite|ste|room|rm|floor|fl|level|lvl|lot|shop|office|studio|villa|block|bldg|"
    r"building|tower|wing|penthouse|ph|townhouse|maisonette|c/o[ ][\w .]{2,24},)\b\.?[ ]?(?:#|"
    r"no\.?[ ]?)?[ ]?(?:\d\w{0,4}|[a-z]\d{0,4})(?:-\w{1,4})?(?!\w)|"
    r"\d{1,2}(?:st|nd|rd|th)[ ](?:floor|fl)\b|(?:ground|first|second|third|fourth|top)[ ](?:floor|fl)\b|"
    r"#[ ]?\w{1,5}|pmb[ ]\d{1,5})"
)
NUMBER = r"\d{1,5}(?:[ ]?[a-z](?![a-z]))?(?:[ ]?[-–/&][ ]?\d{1,5}[a-z]?)?(?:[ ]1/2)?"
_HOUSE = (
    r"(?:House|Cottages?|Court|Lodge|Farm|Farmhouse|Hall|Mansions|Tower|Barn|Point|Rectory|Vicarage|Manor|Mill|Grange|Priory|"
    r"Chapel|Stables|Forge|Granary|Bungalow|Chambers|Apartments)"
)
_NAME = rf"(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th))"
# From the number on, and what may stand before it, up to the end that it is given.
ENGLISH_HEAD = re.compile(
    rf"(?<![\w.$€£#%@-])(?<!\d,)(?<!\d:)(?:{UNIT}(?:[ ]?[,/-][ ]?|{SEPARATOR})){{0,2}}"
    rf"(?:(?:(?:(?-i:[A-Z])[\w'’]{{1,20}}|the|old)[ ]){{1,2}}{_HOUSE},[ ])?\Z",
    I,
)
ENGLISH = re.compile(
    r"(?<![\w.])"
    rf"(?P<number>{NUMBER})(?:[ ]{{1,2}}|,[ ])(?:block[ ]of[ ])?(?:(?P<direction>{DIRECTION})[ ])?"
    rf"(?:(?P<name>{_NAME}(?:[ ]{_NAME}){{0,3}}?)[ ](?P<type>{TYPES}|{WEAK_TYPES})\b(?![ ](?:{TYPES})\b)"
    rf"|(?P<only>(?:avenue|ave|av)[ ](?:of[ ]the[ ]{_WORD}|[a-z]\b)|broadway\b|the[ ](?:strand|mall|broadway|"
    rf"avenue|close)\b|"
    rf"(?:highway|hwy|route|rte|us|state[ ](?:route|road|highway)|county[ ]road|cr|sr|rr|fm|i)[ -]\d{{1,4}}\b)"
    rf"|(?P<bare>{_WORD}(?:[ ]{_WORD}){{0,2}}?)(?=[ ]?[,\n]))"
    rf"\.?(?:[ ]{DIRECTION}(?![\w]))?(?P<units>(?:[ ]?[,-]?[ ]?(?:\n[ ]{{0,8}})?{UNIT}(?!\w)){{0,2}})",
    I,
)
STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|"
    "RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|GU|VI|AE|AP|AA"
)
_STATE_NAMES = (
    "alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois|"
    "indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|"
    "montana|nebraska|nevada|new[ ]hampshire|new[ ]jersey|new[ ]mexico|new[ ]york|north[ ]carolina|north[ ]dakota|ohio|"
    "oklahoma|oregon|pennsylvania|rhode[ ]island|south[ ]carolina|south[ ]dakota|tennessee|texas|utah|vermont|virginia|"
    "washington|west[ ]virginia|wisconsin|wyoming|ontario|quebec|québec|british[ ]columbia|alberta|manitoba|"
    "saskatchewan|nova[ ]scotia|new[ ]brunswick|newfoundland|queensland|victoria|new[ ]south[ ]wales|south[ ]australia|"
    "western[ ]australia|tasmania"
)
PROVINCES = "ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NT|NU|PQ"
TERRITORIES = "NSW|VIC|QLD|WA|SA|TAS|ACT|NT"
UK_POSTCODE = r"(?:[A-Z]{1,2}\d[\dA-Z]?[ ]?\d[ABD-HJLNP-UW-Z]{2}|GIR[ ]?0AA)\b"
# A house that has a name and no number; its postcode says that it is one.
_LINE = r"(?:,[ ]?(?:\n[ ]{0,8})?|[ ]?\n[ ]{0,8})"
_TITLED = r"[A-ZÀ-Þ][\w'’-]{0,20}(?:[ ](?:[A-ZÀ-Þ][\w'’-]{0,20}|upon|on|of|the|le|in|by)){0,3}"
NAMED_HOUSE = re.compile(
    rf"(?<![\w.@/-])(?:[A-Z][\w'’]{{1,20}}[ ]){{1,3}}{_HOUSE}{_LINE}(?:{_TITLED}{_LINE}){{0,3}}{_TITLED}"
    rf"(?:{_LINE}|[ ]){UK_POSTCODE}"
)
CA_POSTCODE = r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d\b"
ZIP = r"\d{5}(?:-\d{4})?(?![\w-])"
_EIRCODE = r"[AC-FHKNPRTV-Y]\d[\dW][ ]?[\dAC-FHKNPRTV-Y]{4}\b"  # An Post
_POSTAL = (
    rf"(?:(?:{STATES}|{_STATE_NAMES})\b\.?[, ]{{0,2}}(?:\n[ ]{{0,8}})?{ZIP}|{UK_POSTCODE}|{_EIRCODE}"
    rf"|(?:\(?(?:{PROVINCES}|{_STATE_NAMES})\b\.?\)?{SEPARATOR})?{CA_POSTCODE}"
    rf"|(?:{TERRITORIES}|{_STATE_NAMES})\b,?[ ]{{1,2}}\d{{4}}(?!\d))"
)
_COUNTRY = (
    r"(?:U\.?S\.?A?\b\.?|united[ ](?:states(?:[ ]of[ ]america)?|kingdom)|U\.?K\b\.?|england|scotland|wales|"
    r"northern[ ]ireland|"
    r"canada|australia|deutschland|germany|france|españa|spain|italia|italy|nederland|the[ ]netherlands|netherlands|"
    r"österreich|austria|schweiz|switzerland|suisse|belgique|belgië|belgium)\b"
)
COUNTRY = re.compile(rf"{SEPARATOR}{_COUNTRY}", I)
_CITY = rf"{_WORD}(?:[ ]{_WORD}){{0,3}}"
# City and whatever stands before it, then a state or postcode; a region alone; a city alone.
_FLAT = rf"(?:{SEPARATOR}(?:app?|apt|bureau|suite|unité)\.?[ ]?\d{{1,5}}\w?(?!\w))"
POSTAL_TAIL = re.compile(
    rf"{_FLAT}?(?P<parts>(?:{SEPARATOR}(?:{_CITY}(?:[ ]\d{{1,2}}(?=,))?)?){{0,3}}?){SEPARATOR}\(?{_POSTAL}\)?",
    I,
)
REGION_TAIL = re.compile(
    rf"(?P<parts>,[ ]?{_CITY}),?[ ](?:(?:{STATES}|{PROVINCES}|{TERRITORIES})(?![\w])|(?i:{_STATE_NAMES})\b)"
)
ZIP_TAIL = re.compile(rf"(?P<parts>{SEPARATOR}{_CITY}?)?{SEPARATOR}{ZIP}", I)
CITY_TAIL = re.compile(
    r"(?:,|[ ]in)[ ](?P<city>[A-ZÀ-Þ][\w'’-]{2,20}(?:[ ](?:[A-ZÀ-Þ][\w'’-]{1,20}|upon|on|of|de|la|le)){0,2})"
    r"(?=[.,;:!?)\"'\\\n|]|\s*$|[ ](?:by|on|before|for|please|and|at|is|or|to|tomorrow|today|until|asap|next|"
    r"this|with|from)\b)"
)
BOX = re.compile(
    r"(?<![\w])(?:p\.?[ ]?o\.?[ ]?box|post[ ]office[ ]box|gpo[ ]box|locked[ ]bag|private[ ]bag|postfach|postbus|"
    r"apartado"
    r"(?:[ ]de[ ]correos|[ ]postal)?|casella[ ]postale|bo[iî]te[ ]postale|b\.?p\.?|caixa[ ]postal)[ ]?(?:#|"
    r"n[o°º.]{1,2}[ ]?)?[ ]?"
    r"(?P<number>\d(?:[ ]?\d){0,6})(?!\w)",
    I,
)

# German -----------------------------------------------------------------------------------------------------

_DE_STREET = r"stra(?:ß|ss)e|str\.?|allee|gasse|chaussee"
_DE_WAY = (
    r"weg|platz|ring|damm|ufer|steig|pfad|stieg|markt|graben|berg|hof|kamp|tor|brücke|twiete|zeile|promenade|wall|"
    r"anger|winkel|bogen|kai|park|feld|garten|höhe|hang|wiese|aue|grund|busch|stiege|lände|gürtel|zeile"
)
_DE_NUMBER = r"\d{1,4}(?:[ ]?[a-z](?![a-zäöüß]))?(?:[ ]?[-–/+][ ]?\d{1,4}[ ]?[a-z]?(?![a-zäöüß])){0,3}"
# A last word that is all of what says "street".
BARE = re.compile(rf"(?:{_DE_STREET}|{_DE_WAY}|laan|plein|straat)", I)
GERMAN = re.compile(
    r"(?<![\w.@/-])(?:(?P<street>(?:[a-zäöüß][\wäöüß'’.]{0,24}[ -]){0,3}"
    rf"(?:[a-zäöüß][\wäöüß'’-]{{1,30}})?(?:{_DE_STREET}))"
    rf"|(?P<way>(?:[a-zäöüß][\wäöüß'’.]{{0,24}}[ -]){{0,3}}?(?:[a-zäöüß][\wäöüß'’-]{{1,30}})?(?:{_DE_WAY}))"
    r"|(?P<lane>(?:am|an[ ]de[rnm]|auf[ ]de[rnm]|im|in[ ]de[rnm]|zu[mr]|beim?|unter[ ]den|hinter[ ]de[rnm]|"
    r"vor[ ]de[rnm]|"
    r"alte[rsn]?|neue[rsn]?|große[rsn]?|kleine[rsn]?)[ ][a-zäöüß][\wäöüß-]{2,24}(?:[ ][a-zäöüß][\wäöüß-]{2,24})?))"
    rf"[ ]{{1,2}}(?P<number>{_DE_NUMBER})(?!\w)(?![.,]\d)",
    I,
)
GERMAN_TAIL = re.compile(
    r"(?:,?[ ](?:(?:haus|wohnung|whg\.?|app\.?|zimmer|etage|stiege|top|tür)[ ]?\w{1,4}|\d{1,2}\.[ ]?(?:og|stock|"
    r"etage)|(?:eg|dg|ug)\b|c/o[ ][\w .]{2,24})){0,2}"
    rf"(?:{SEPARATOR}(?:ot[ ])?{_WORD})?{SEPARATOR}(?:(?:de?|at?|ch)[ -]{{1,2}})?\d{{4,5}}[ ](?P<city>{_PLACE})",
    I,
)

# Dutch and Flemish ------------------------------------------------------------------------------------------

DUTCH = re.compile(
    r"(?<![\w.@/-])(?P<street>(?:[a-zà-ÿ'’][\wà-ÿ'’.]{0,24}[ -]){0,4}(?:[a-zà-ÿ][\wà-ÿ'’-]{1,30})?"
    r"(?:straat|str\.|gracht|laan|kade|singel|plein|dijk|dreef|steeg|burgwal|plantsoen|weg|pad|hof|markt|baan|"
    r"boulevard|park|lei|"
    r"steenweg|hoek|waard|veld|kamp|wal|haven|poort|ring|akker|erf|hove|oord|zoom|horst|berg|donk))"
    r"[ ]{1,2}(?P<number>\d{1,5}(?:[ ]?[-/]?[ ]?(?:bis|huis|hs|[ivx]{1,4}|[a-z]{1,2}|"
    r"\d{1,4})(?!\w))?(?:,?[ ](?:bus|bte)[ ]\w{1,4})?)(?!\w)(?![.,]\d)",
    I,
)
# By its postcode, whatever the street is called.
DUTCH_CODED = re.compile(
    r"(?<![\w.@/-])(?P<street>(?:[A-ZÀ-Þ'’][\w'’.-]{1,24}|van|de|der|den|het|'t|ten|ter|op|aan)"
    r"(?:[ ](?:[A-ZÀ-Þ][\w'’.-]{0,24}|van|de|der|den|het|'t|ten|ter|op|aan)){0,4})"
    r"[ ](?P<number>\d{1,5}(?:[ ]?[-/]?[ ]?(?:bis|huis|hs|[IVX]{1,4}|[A-Za-z]{1,2}|"
    r"\d{1,4})(?!\w))?)(?=,?\s{1,4}\d{4}[ ]?[A-Z]{2}\b)"
)
DUTCH_TAIL = re.compile(
    rf"{SEPARATOR}(?:nl-?[ ]?)?(?P<code>[1-9]\d{{3}}[ ]?[a-z]{{2}})(?!\w)(?:{SEPARATOR}(?P<city>{_PLACE}))?",
    I,
)

# French, Spanish, Portuguese, Italian -----------------------------------------------------------------------

_PARTICLE = (
    r"(?:(?:de[ ](?:la|los|las|l['’])|du|des|de|della|delle|degli|dei|del|dell['’]|di|da|dos|das|do|d['’]|la|le|"
    r"les|las|los|l['’]|"
    r"aux?|à|en|sur|sous|et|e|y|san|sainte?|st|ste|al|alla|el)[ ]?)"
)
_ROMANCE_NAME = (
    rf"(?:{_PARTICLE}{{0,3}}(?:[^\W_][\w'’.-]{{0,24}}))"
    rf"(?:[ ]{_PARTICLE}{{0,3}}[^\W\d_][\w'’.-]{{0,24}}){{0,4}}?"
)
FRENCH = re.compile(
    r"(?<![\w.@/-])(?:(?:(?:apt|appt?|appartement|bât(?:iment)?|bat|rés(?:idence)?|esc(?:alier)?|"
    r"étage)\.?[ ]\w{1,12}(?:[ ]\w{1,12})?,?[ ]){0,3})"
    r"(?P<number>\d{1,4}(?:[ ]?(?:bis|ter|quater|[a-d]))?)(?!\w),?[ ]"
    r"(?P<type>rue|avenue|av\.?|boulevard|bld\.?|bd\.?|place|pl\.?|allée|allées|chemin|ch\.?|impasse|imp\.?|"
    r"quai|route|rte\.?|square|cours|"
    r"passage|faubourg|fbg|sentier|villa|cité|lotissement|voie|promenade|esplanade|montée|traverse|ruelle|"
    r"venelle|rond-point|côte)"
    rf"[ ](?P<name>{_ROMANCE_NAME})(?=[ ]?[,\n\\.;:)\"'!?|]"
    rf"|[ ](?:(?:F-)?\d{{5}}|(?-i:[a-zà-ÿ]{{2,}})|[A-Z]\b|[(–-])|\s*$)",
    I,
)
_FRENCH_TAIL = (
    rf"(?:{SEPARATOR}(?:(?:bât(?:iment)?|bat|appt?|appartement|étage|esc(?:alier)?|rés(?:idence)?|cs|"
    rf"bp)\.?[ ][\w ]{{1,16}}|\d(?:er|e|ème)[ ]étage)){{0,2}}"
    rf"{SEPARATOR}(?:F-|B-|CH-)?\d{{4,5}}(?!\d){SEPARATOR}(?P<city>{_PLACE}"
    rf"(?:[ ]cedex)?(?:(?<=cedex)[ ]\d{{1,2}}(?!\w))?)"
)
FRENCH_TAIL = re.compile(_FRENCH_TAIL, I)
# Without capitals, a name does not say where it ends.
FRENCH_LOWER_TAIL = re.compile(rf"(?:[ ]{_WORD}){{0,4}}?{_FRENCH_TAIL}", I)
# The street's type, its name, then the number.
ROMANCE = re.compile(
    r"(?<![\w.@/-])(?P<type>calle|cl\.|c[./]|avenida|avda?\.?|av\.|paseo|pso\.?|pº|plaza|pza\.?|plza\.?|ronda|"
    r"camino|cno\.?|carretera|ctra\.?|"
    r"travesía|glorieta|rambla|gran(?=[ ]vía,?[ ]\d)|gran[ ]vía|"
    r"pasaje|psje\.?|carrer|passeig|plaça|avinguda|callejón|cuesta|"
    r"rua|r\.|travessa|praça|estrada|alameda|largo|"
    r"via|viale|v\.le|piazza|p\.(?:za|zza)|piazzale|p\.le|corso|c\.so|vicolo|strada|lungomare|lungotevere|"
    r"contrada|c\.da|salita|borgo|"
    r"rue|avenue|boulevard|place|chaussée|quai|chemin)[ ]"
    rf"(?P<name>{_ROMANCE_NAME}),?[ ](?P<number>(?:n[.º°o]{{1,2}}[ ]?|núm\.?[ ]?|número[ ]|"
    rf"nr\.?[ ]?)?\d{{1,4}}(?:[ ]?[-/][ ]?\d{{1,4}}|[ ]?(?:bis|[a-d])(?!\w)|/[a-z]\b)?|s/n)(?!\w)(?![.,]\d)"
    r"(?P<units>(?:[ ]?[,-][ ]?(?:\d{1,2}[ ]?[.]?[ºª°][ ]?(?:[a-z](?!\w))?(?:[ ]?(?:izda|izq|dcha|dch|der|"
    r"centro|esq|dto|dir|fte|frente)\.?)?|\d{1,2}[ ]?[ºª°]?[ ]?[a-h](?!\w)|"
    r"(?:piso|planta|puerta|pta\.?|esc(?:alera)?\.?|portal|bloque|blq\.?|bajo|bajos|ático|local|apto\.?|"
    r"depto\.?|int(?:erno)?\.?|scala|"
    r"sc\.?|piano|interior|andar|esq\.?|dto\.?|esquerdo|direito|bus|bte\.?)(?!\w)[ ]?(?:\d{1,4}[ºª°]?[a-z]?|"
    r"[a-z](?!\w))?)){0,4})",
    I,
)
ROMANCE_TAIL = re.compile(
    rf"{SEPARATOR}(?:(?:c\.?p\.?[ ])|[eibf]-)?(?P<code>\d{{4}}-\d{{3}}|\d{{4,5}})(?!\d){SEPARATOR}"
    rf"(?P<city>{_PLACE}(?:[ ]?\([a-zà-ÿ ]{{2,20}}\)|,[ ]{_CAPITAL}(?=[.\n]|\s*$)|[ ](?-i:[A-Z]{{2}})\b)?)",
    I,
)
