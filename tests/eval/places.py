"""Places, organisations and street addresses in the ways that people write them.

Streets are Faker's or made up here; towns and countries are real, because a model knows real ones.
"""

from __future__ import annotations

import random

from .document import Value
from .people import seeded

_CITIES: dict[str, list[tuple[str, str, str]]] = {  # town, region, postcode pattern
    "en_US": [
        ("Springfield", "IL", "627##"), ("Portland", "OR", "972##"), ("Austin", "TX", "787##"), ("Boston", "MA", "021##"),
        ("Denver", "CO", "802##"), ("Columbus", "OH", "432##"), ("Santa Barbara", "CA", "931##"), ("Raleigh", "NC", "276##"),
        ("Salt Lake City", "UT", "841##"), ("New York", "NY", "100##"), ("Minneapolis", "MN", "554##"), ("Tucson", "AZ", "857##"),
        ("St. Louis", "MO", "631##"), ("Baton Rouge", "LA", "708##"), ("Ann Arbor", "MI", "481##"), ("Boise", "ID", "837##"),
    ],
    "en_GB": [
        ("London", "Greater London", "SW## #@@"), ("Manchester", "Lancashire", "M## #@@"), ("Leeds", "West Yorkshire", "LS# #@@"),
        ("Bristol", "Avon", "BS# #@@"), ("Norwich", "Norfolk", "NR# #@@"), ("Cardiff", "Glamorgan", "CF## #@@"),
        ("Edinburgh", "Midlothian", "EH# #@@"), ("Guildford", "Surrey", "GU# #@@"), ("London", "", "N## #@@"), ("London", "", "E# #@@"),
        ("Milton Keynes", "Bucks", "MK# #@@"), ("Stoke-on-Trent", "Staffs", "ST# #@@"),
    ],
    "en_CA": [
        ("Toronto", "ON", "M#@ #@#"), ("Vancouver", "BC", "V#@ #@#"), ("Montréal", "QC", "H#@ #@#"), ("Calgary", "AB", "T#@ #@#"),
        ("Halifax", "NS", "B#@ #@#"), ("Ottawa", "ON", "K#@ #@#"), ("Winnipeg", "MB", "R#@ #@#"),
    ],
    "en_AU": [
        ("Sydney", "NSW", "20##"), ("Melbourne", "VIC", "30##"), ("Brisbane", "QLD", "40##"), ("Perth", "WA", "60##"),
        ("Hobart", "TAS", "70##"), ("Adelaide", "SA", "50##"), ("Parramatta", "NSW", "2150"), ("Fremantle", "WA", "6160"),
    ],
    "de_DE": [
        ("Berlin", "", "10###"), ("München", "", "80###"), ("Hamburg", "", "20###"), ("Köln", "", "50###"), ("Leipzig", "", "04###"),
        ("Frankfurt am Main", "", "60###"), ("Bad Homburg", "", "613##"), ("Nürnberg", "", "90###"), ("Görlitz", "", "028##"),
    ],
    "fr_FR": [
        ("Paris", "", "750##"), ("Lyon", "", "6900#"), ("Marseille", "", "130##"), ("Saint-Étienne", "", "42000"), ("Lille", "", "59000"),
        ("Aix-en-Provence", "", "13100"), ("Nantes", "", "44000"), ("Strasbourg", "", "67000"),
    ],
    "es_ES": [
        ("Madrid", "Madrid", "280##"), ("Barcelona", "Barcelona", "080##"), ("Sevilla", "Sevilla", "410##"), ("Bilbao", "Vizcaya", "480##"),
        ("A Coruña", "A Coruña", "150##"), ("San Sebastián", "Gipuzkoa", "200##"), ("Valencia", "Valencia", "460##"),
    ],
    "it_IT": [
        ("Milano", "MI", "201##"), ("Roma", "RM", "001##"), ("Torino", "TO", "101##"), ("Napoli", "NA", "801##"), ("Bologna", "BO", "401##"),
        ("Reggio Emilia", "RE", "421##"), ("Firenze", "FI", "501##"), ("Verona", "VR", "371##"),
    ],
    "nl_NL": [
        ("Amsterdam", "", "10## @@"), ("Rotterdam", "", "30## @@"), ("Utrecht", "", "35## @@"), ("Den Haag", "", "25## @@"),
        ("Eindhoven", "", "56## @@"), ("'s-Hertogenbosch", "", "52## @@"), ("Groningen", "", "97## @@"),
    ],
}  # fmt: skip
_STREETS_US = (
    "Maple Oak Cedar Washington Lincoln Jefferson Sunset Highland Park Elm Church Prospect Magnolia Willow Ridge "
    "Chestnut Franklin Juniper Harbor Larkspur Meadowbrook Dogwood Kensington Birchwood Summit"
).split()
_SUFFIX_US = "Street St St. Avenue Ave Ave. Road Rd Boulevard Blvd Lane Ln Drive Dr Court Ct Place Way Terrace Parkway Circle".split()
_STREETS_GB = (
    "Church|High|Station|Victoria|Albert|Mill|Queens|Park|Abbey|Windmill|Castle|Green|Grange|St. John's|King Edward|"
    "Kelvin|Broomfield|Whitechapel|Stoke Newington|Ashcroft|Tanners|Ferry"
).split("|")
_SUFFIX_GB = (
    "Street Road Lane Avenue Close Crescent Gardens Terrace Drive Way Grove Mews Rd St Hill Square".split()
)
_HOUSES_GB = (
    "Rose Cottage",
    "The Old Rectory",
    "Flat 3B",
    "Flat 12",
    "Apartment 7",
    "Unit 4, Harbour Court",
    "14A",
)
PLACES = (
    "Berlin|Tokyo|Paris|Nairobi|São Paulo|New York|Buenos Aires|Dublin|Lisbon|Warsaw|Chicago|San Francisco|Oslo|Lagos|Mumbai|"
    "Singapore|Melbourne|Cape Town|Toronto|Seattle|Glasgow|Hamburg|Lyon|Turin|Seville|Rotterdam|Zürich|Vienna|Kraków|Helsinki|"
    "Germany|Japan|Brazil|Kenya|Portugal|Ireland|Poland|Norway|India|Canada|Mexico|South Africa|New Zealand|Switzerland|Denmark|"
    "California|Texas|Ontario|Bavaria|Scotland|Yorkshire|Catalonia|Tuscany|Brittany|Queensland|Massachusetts|Cornwall|"
    "Manchester|Edinburgh|Cambridge|Leipzig|Bordeaux|Bilbao|Naples|Utrecht|Antwerp|Prague|Budapest|Athens|Istanbul|Cairo"
).split("|")
_KNOWN = (
    "Siemens|Deloitte|Barclays|Novartis|Toyota|Unilever|Lufthansa|HSBC|Pfizer|Vodafone|Ikea|Nestlé|Accenture|Allianz|Airbus|"
    "Maersk|Santander|Carrefour|Philips|Samsung|Boeing|Intel|Oracle|Microsoft|Red Cross|Goldman Sachs|Johnson & Johnson|"
    "Deutsche Bank|University of Oxford|Stanford University|World Health Organization|Bank of America|Mayo Clinic"
).split("|")
_LEGAL = {
    "en_US": ("Inc.", "LLC", "Corp.", "Holdings", "Partners LLP", "Group"),
    "en_GB": ("Ltd", "plc", "Limited", "LLP", "Group"),
    "en_CA": ("Inc.", "Ltd.", "Corp."),
    "en_AU": ("Pty Ltd", "Limited"),
    "de_DE": ("GmbH", "AG", "GmbH & Co. KG", "e.V.", "KG"),
    "fr_FR": ("SA", "SARL", "SAS"),
    "es_ES": ("S.A.", "S.L.", "S.L.U."),
    "it_IT": ("S.p.A.", "S.r.l."),
    "nl_NL": ("B.V.", "N.V."),
}
_FIELDS = (
    "Logistics Consulting Pharmaceuticals Capital Robotics Foods Insurance Analytics Engineering Software Textiles Energy "
    "Aerospace Biotech Shipping Media Construction Ventures Healthcare Systems"
).split()
_INSTITUTIONS = (
    "{c} General Hospital",
    "University of {c}",
    "{c} City Council",
    "{n} & {m}",
    "Bank of {c}",
    "{n} Foundation",
)
ADDRESS_LOCALES = tuple(_CITIES)


def place(source: random.Random) -> Value:
    """A town, region or country."""
    return Value.of(source.choice(PLACES), "LOCATION")


def organisation(locale: str, source: random.Random) -> Value:
    """A company or institution; some are known the world over, most are made up."""
    kind = source.random()
    if kind < 0.25:
        return Value.of(source.choice(_KNOWN), "ORGANIZATION")
    own = seeded(locale if locale in _CITIES else "en_US", source)
    if kind < 0.45:
        town = source.choice(_CITIES.get(locale, _CITIES["en_US"]))[0]
        text = source.choice(_INSTITUTIONS).format(c=town, n=own.last_name(), m=own.last_name())
        return Value.of(text, "ORGANIZATION")
    legal = source.choice(_LEGAL.get(locale, _LEGAL["en_US"]))
    return Value.of(f"{own.last_name()} {source.choice(_FIELDS)} {legal}", "ORGANIZATION")


def address(locale: str, source: random.Random, form: str | None = None) -> Value:
    """A whole street address, on one line; ``lines`` for one that is written over several, ``street`` for the
    number and street alone, ``lower`` in small letters, ``escaped`` over several lines inside a JSON string."""
    where = locale if locale in _CITIES else "en_US"
    first, last = _street(where, source), _town(where, source)
    match form:
        case "street":
            text = first
        case "lines":
            text = f"{first}\n{last}"
        case "escaped":
            text = f"{first}\\n{last}"
        case "lower":
            text = f"{first}, {last}".lower()
        case None:
            text = f"{first}, {last}"
        case _:
            raise KeyError(form)
    return Value.of(text, "STREET_ADDRESS")


def _street(locale: str, source: random.Random) -> str:
    number = source.choice([source.randint(1, 99), source.randint(1, 250), source.randint(100, 9999)])
    match locale:
        case "en_US" | "en_CA":
            way = f"{source.choice(['', '', '', 'N ', 'W. ', 'South '])}{source.choice(_STREETS_US)} {source.choice(_SUFFIX_US)}"
            if source.random() < 0.15:
                way = f"{source.choice(['5th', '42nd', 'W 23rd', 'East 9th', '1st'])} {source.choice(['Street', 'Ave', 'St'])}"
            unit = source.choice(["", "", "", f", Apt {source.randint(1, 40)}{source.choice('ABCD')}", f" Suite {source.randint(100, 900)}",
                                  f" #{source.randint(1, 60)}", f", Unit {source.randint(1, 30)}"])  # fmt: skip
            return f"{number} {way}{unit}"
        case "en_GB":
            house = f"{source.choice(_HOUSES_GB)}, " if source.random() < 0.3 else ""
            return f"{house}{number % 320 + 1} {source.choice(_STREETS_GB)} {source.choice(_SUFFIX_GB)}"
        case "en_AU":
            unit = source.choice(["", "", f"Unit {source.randint(1, 30)}, ", f"{source.randint(1, 20)}/"])
            return f"{unit}{number % 400 + 1} {source.choice(_STREETS_GB)} {source.choice(['Street', 'St', 'Road', 'Parade', 'Avenue', 'Crescent'])}"
        case "de_DE":
            name = source.choice(
                "Linden Garten Bahnhof Schiller Goethe Haupt Berg Mozart Kirch Wiesen Rosa-Luxemburg- Ahorn".split()
            )
            way = source.choice([f"{name.rstrip('-')}{'-S' if name.endswith('-') else 's'}traße", f"{name.rstrip('-')}{'-S' if name.endswith('-') else 's'}tr.",
                                 f"{name.rstrip('-')}weg", "Am Alten Markt", "Unter den Eichen", f"{name.rstrip('-')}allee"])  # fmt: skip
            return f"{way} {number % 180 + 1}{source.choice(['', '', '', 'a', ' b'])}"
        case "fr_FR":
            way = source.choice(["rue", "avenue", "boulevard", "place", "impasse", "quai", "Rue", "allée"])
            name = source.choice(["de la République", "Victor Hugo", "des Lilas", "Jean Jaurès", "du Général Leclerc", "Pasteur",
                                  "de l'Église", "des Trois Moulins", "Saint-Martin"])  # fmt: skip
            return f"{number % 220 + 1}{source.choice(['', '', ' bis', ' ter'])}{source.choice(['', ','])} {way} {name}"
        case "es_ES":
            way = source.choice(["Calle", "Calle de", "C/", "Avenida", "Avda.", "Plaza de", "Paseo de"])
            name = source.choice(
                [
                    "Alcalá",
                    "Goya",
                    "la Constitución",
                    "Serrano",
                    "San Juan",
                    "los Olivos",
                    "Cervantes",
                    "Gran Vía",
                ]
            )
            floor = source.choice(
                [
                    "",
                    f", {source.randint(1, 9)}º {source.choice('ABCD')}",
                    f", {source.randint(1, 9)}º izq.",
                    f", bajo {source.choice('AB')}",
                ]
            )
            return f"{way} {name}{source.choice([',', ''])} {number % 250 + 1}{floor}"
        case "it_IT":
            way = source.choice(["Via", "Via", "Viale", "Piazza", "Corso", "Vicolo"])
            name = source.choice(
                [
                    "Roma",
                    "Garibaldi",
                    "Giuseppe Verdi",
                    "Dante Alighieri",
                    "dei Mille",
                    "della Repubblica",
                    "Mazzini",
                    "San Marco",
                ]
            )
            return f"{way} {name}{source.choice([',', ''])} {number % 200 + 1}{source.choice(['', '', '/A', ' bis'])}"
        case _:
            way = source.choice(
                "Keizersgracht|Dorpsstraat|Kerkstraat|Van Goghlaan|Lange Voorhout|Molenweg|Prins Hendrikkade|Stationsplein|Beukenlaan".split(
                    "|"
                )
            )
            return f"{way} {number % 400 + 1}{source.choice(['', '', '-2', ' bis', 'A', '-III'])}"


def _town(locale: str, source: random.Random) -> str:
    town, region, pattern = source.choice(_CITIES[locale])
    code = "".join(
        source.choice("0123456789") if c == "#" else source.choice("ABDEFGHJLNPRSTUW") if c == "@" else c
        for c in pattern
    )
    match locale:
        case "en_US":
            return f"{town}, {region} {code}{source.choice(['', '', f'-{source.randint(1000, 9999)}'])}"
        case "en_GB":
            return f"{town}{source.choice([f', {region}' if region else '', ''])}{source.choice([',', ''])} {code}"
        case "en_CA" | "en_AU":
            return f"{town}{source.choice([',', ''])} {region} {code}"
        case "it_IT":
            return f"{code} {town}{source.choice([f' ({region})', ''])}"
        case "es_ES":
            return f"{code} {town}"
        case "de_DE":
            return f"{source.choice(['', '', '', 'D-'])}{code} {town}"
        case _:
            return f"{code} {town}"
