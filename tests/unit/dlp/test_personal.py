"""Cards, addresses, dates of birth, telephone numbers, e-mail and IP addresses: what is found, and what is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine

ENTITIES = frozenset(
    {"CREDIT_CARD", "STREET_ADDRESS", "DATE_OF_BIRTH", "PHONE_NUMBER", "EMAIL_ADDRESS", "IP_ADDRESS"}
)


@pytest.fixture(scope="module")
def engine(patterns_folder: Path) -> Engine:
    return Engine(DetectorConfig(entities=ENTITIES, ner_model=None), patterns_folder)


def found(engine: Engine, text: str, entity: str = "") -> list[str]:
    """The values found in ``text``, of one entity or of all."""
    return [text[m.start : m.end] for m in engine.scan([text])[0] if entity in ("", m.entity)]


def completed(digits: str) -> str:
    """``digits`` and the digit that makes Luhn's sum right: no number that anybody holds."""
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


VISA, MASTERCARD_2 = completed("4" + "1" * 14), completed("222300312200322")
AMEX, DINERS = completed("37828224631000"), completed("3056930902590")
UNIONPAY_19, VISA_13 = completed("6212345678901232" + "00"), completed("422222222222")


def grouped(digits: str, sizes: Sequence[int], mark: str) -> str:
    parts, position = [], 0
    for size in sizes:
        parts.append(digits[position : position + size])
        position += size
    return mark.join(parts)


@pytest.mark.parametrize("card", [VISA, MASTERCARD_2, AMEX, DINERS, UNIONPAY_19, VISA_13])
@pytest.mark.parametrize("around", ["{}", "pay with {}.", '{{"pan": {}, "x": 1}}', "1,{},2030", "n={};"])
def test_cards_of_all_lengths_are_found_also_as_numbers(engine: Engine, card: str, around: str) -> None:
    assert found(engine, around.format(card)) == [card]


@pytest.mark.parametrize("mark", [" ", "-", ".", "\u00a0"])
def test_cards_are_found_in_groups(engine: Engine, mark: str) -> None:
    for card, sizes in (
        (VISA, (4, 4, 4, 4)),
        (AMEX, (4, 6, 5)),
        (DINERS, (4, 6, 4)),
        (UNIONPAY_19, (4, 4, 4, 4, 3)),
    ):
        written = grouped(card, sizes, mark)
        assert found(engine, f"my number is {written} ok") == [written]


def test_what_stands_behind_a_card_is_left_out(engine: Engine) -> None:
    written = grouped(VISA, (4, 4, 4, 4), " ")
    assert found(engine, f"{written} 123", "CREDIT_CARD") == [written]
    assert found(engine, f"{written} 12/27", "CREDIT_CARD") == [written]


@pytest.mark.parametrize(
    "text",
    [
        VISA[:-1] + str((int(VISA[-1]) + 1) % 10),
        "id " + completed("7" + "1" * 14),
        "at 1732458238000 and 1732458238000123 and 1732458238000123456",
        "IMEI " + completed("49015420323751"),
        f"tracking number {VISA}",
        f"order {VISA}",
        f"0.{VISA}",
        f"9{VISA}0077",
        f"9400 {grouped(VISA, (4, 4, 4, 4), ' ')} 00",
        f"deadbeef{VISA}cafe",
    ],
)
def test_other_long_numbers_are_no_cards(engine: Engine, text: str) -> None:
    assert found(engine, text, "CREDIT_CARD") == []


ADDRESSES = [
    "Flat 1, 12 Stoke Newington Road, London N16 4HY",
    "742 Evergreen Terrace, Springfield, IL 62704",
    "742 Evergreen Terrace\nSpringfield, IL 62704",
    "Apt 4B, 350 Fifth Avenue, New York, NY 10118",
    "350 5th Ave, Apt 4B, New York, NY 10118-0110, USA",
    "1600 Pennsylvania Avenue NW, Washington, DC 20500",
    "1500 Broadway, New York, NY 10036",
    "4521 Oak Ridge Dr Apt 12\nCharlotte NC 28202",
    "1234 NE 45th St, Seattle, WA 98105",
    "2100 Highway 61 N, Vicksburg, MS 39183",
    "45 Martin Luther King Jr Blvd, Atlanta, GA",
    "P.O. Box 1234, Austin, TX 78701",
    "221B Baker Street, London NW1 6XE, UK",
    "12 Baker Street, London",
    "27 Old Gloucester Street\nLondon\nWC1N 3AX",
    "Rose Cottage, 4 Church Lane, Bath BA1 1AA",
    "Unit 7, 18 Mill Lane, Cambridge, CB2 1RX",
    "Level 5, 120 Collins Street, Melbourne VIC 3000",
    "3/45 George St, Sydney NSW 2000",
    "111 Wellington St, Ottawa, ON K1A 0A9",
    "1455 Rue Sainte-Catherine, Montréal, QC H3G 1T6",
    "Hauptstraße 12, 10115 Berlin",
    "Berliner Str. 7a, 80331 München",
    "Unter den Linden 77, 10117 Berlin",
    "Am Markt 3, 04109 Leipzig",
    "Kärntner Straße 12/4, 1010 Wien",
    "Musterweg 5, 12345 Musterstadt",
    "Postfach 12 34, 53111 Bonn",
    "12 bis rue de la Paix, 75002 Paris",
    "3, avenue des Champs-Élysées, 75008 Paris",
    "15 boulevard Saint-Germain, 75005 Paris Cedex 05",
    "Rue de la Loi 16, 1000 Bruxelles",
    "Calle Mayor 5, 3º B, 28013 Madrid",
    "C/ Gran Vía 28, 2º izq, 28013 Madrid",
    "Avda. de la Constitución, 14, 41004 Sevilla",
    "Rua Augusta 150, 1100-053 Lisboa",
    "Via Roma 10, 00184 Roma (RM)",
    "Via Giuseppe Garibaldi, 25 - 20121 Milano MI",
    "Keizersgracht 123-2, 1015 CJ Amsterdam",
    "Damrak 1, 1012 LG Amsterdam",
    "Laan van Meerdervoort 70, 2517 AN Den Haag",
    "26 ter rue Victor Hugo, 75055 Paris",
    "34, place des Trois Moulins, 75004 Paris",
    "209, quai du Général Leclerc, 13084 Marseille",
    "C/ los Olivos 228, bajo A, 15086 A Coruña",
    "The Old Rectory, 76 Kelvin Grove, Edinburgh EH4 0AH",
    "Rose Cottage, Church Lane, Little Snoring, Norfolk NR21 0HU",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "around", ["{}", "Please ship it to {} by Friday.", "My address is {}, thanks", '{{"a": "{}"}}']
)
def test_an_address_is_one_finding_and_nothing_else_of_the_text(
    engine: Engine, address: str, around: str
) -> None:
    assert found(engine, around.format(address)) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "im at [742 evergreen terrace springfield il 62704] lol",
        "i live at [12 baker street]",
        "meet me [10 downing st london sw1a 2aa]",
        "wohne in der [hauptstraße 12, 10115 berlin]",
        "on est au [12 rue victor hugo 75002 paris]",
    ],
)
def test_an_address_without_capitals_needs_something_that_tells_it(engine: Engine, text: str) -> None:
    before, rest = text.split("[")
    value, after = rest.split("]")
    assert found(engine, before + value + after) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "12 Angry Men",
        "error 404 Not Found",
        "5 Star Road Trip",
        "3 Way Merge",
        "file_12 Main.py",
        "version 2 Street Fighter",
        "In 2019 Wall Street crashed",
        "see section 4 of the Drive manual",
        "we have 3 kids on the street",
        "step 3: Drive to the Park",
        "via Port 8080",
        "3 Lane Highway",
        "Vektor 5 und Motor 3",
        "Arbeitsplatz 4",
        "by the way 3 people",
        "24 Hour Drive",
        "4 Wheel Drive",
        "512 GB Solid State Drive",
        "BP 120/80",
        "place = 5",
        "the 3 Tier Court system",
        "7 Day Pass",
        "80 Column Row of it",
        "Room 101, Building 5",
    ],
)
def test_numbers_and_words_of_other_things_are_no_addresses(engine: Engine, text: str) -> None:
    assert found(engine, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Date of birth: [04/07/1981]",
        "DOB [1981-07-04]",
        "D.O.B.: [4/7/81]",
        '"dob": "[1981-07-04]"',
        '"birthDate":"[1981-07-04]T00:00:00Z"',
        r"{\"dateOfBirth\": \"[1981-07-04]\"}",
        "<dob>[1981-07-04]</dob>",
        "DOB (MM/DD/YYYY): [07/04/1981]",
        "| DOB | [1981-07-04] |",
        "She was born on the [4th of July, 1981].",
        "born in Paris on [4 July 1981]",
        "née le [3 mars 1980] à Lyon",
        "geb. am [4. Juli 1981]",
        "Geburtsdatum: [4.7.1981]",
        "nacido el [4 de julio de 1981]",
        "nato a Roma il [4 luglio 1981]",
        "geboren op [4 juli 1981]",
        "Data urodzenia: [04.07.1981]",
        "生年月日：[1981年7月4日]",
        "Né(e) le : [04/07/1981]",
        "Fecha nac.: [04/07/1981]",
        "nato/a il [04/07/1981]",
        "Geb.-Datum: [04.07.1981]",
        "DOB                        [4 Jul 1981]",
        "Birth: [1981-07-04]",
        "DOB: [04JUL1981]",
        "Date/Place of birth: [4 JUL 1981] / LONDON",
        "patientDob=[1981-07-04]",
        "dob = date([1981, 7, 4])",
        "BDAY;VALUE=date:[19810704]",
        "PID|1||123^^^X||DOE^JANE||[19810704]|F",
        "checked his dob and postcode: [04/07/1981], LS1 4AB",
        "The date of birth was given as [4 July 1981].",
        "Jane Roe, [07/04/1981] (DOB)",
        "Jane Roe (b. [4 July 1981])",
        "born to Ann and Bob Roe on [4 July 1981]",
        "i was born in leeds on [4 july 1981]",
        "he turned 40 on [4 July 2021]",
        "id,name,city,flags,updated_at,birth_date\n3,Roe,Leeds,0101,2020-01-02,[1981-07-04]",
        "CREATE TABLE t (id int, note text, born date);\nINSERT INTO t VALUES (5, 'it''s, (so)', '[1981-07-04]');",
        "INSERT INTO t (dob, seen) VALUES ('[1981-07-04]', '2020-01-02');",
    ],
)
def test_a_date_of_birth_is_found_by_its_label(engine: Engine, text: str) -> None:
    value = text[text.index("[") + 1 : text.index("]")]
    assert found(engine, text.replace("[", "").replace("]", "")) == [value]


def test_tables_within_tables_cost_time_in_proportion(engine: Engine) -> None:
    seconds = []
    for times in (500, 2000):
        started = time.process_time()
        engine.scan(
            [
                "seen  dob\n" * times,
                "seen,dob\n" * times,
                "dob," * 400 + "x\n" + "1," * 4 * times,
                "birthdays\n" * times,
                "<tr><th>dob</th></tr>" * times,
            ]
        )
        seconds.append(time.process_time() - started)
    assert seconds[1] < 4 * 3 * seconds[0] + 0.1


def test_no_telephone_number_begins_in_one_cell_and_ends_in_the_next(engine: Engine) -> None:
    table = "dob\tstreet\tphone\n19810704\t12 Mill Lane\t+44 20 7946 0007\n"
    assert found(engine, table) == ["19810704", "12 Mill Lane", "+44 20 7946 0007"]


def test_all_dates_behind_a_label_of_several_are_found(engine: Engine) -> None:
    assert found(engine, "DOBs: 04/07/1981, 05/08/1982") == ["04/07/1981", "05/08/1982"]
    assert found(engine, "Birthdays: Tom 4 July 1981, Ann 5 May 1982") == ["4 July 1981", "5 May 1982"]
    assert found(engine, '"dob": ["1981-07-04", "1982-08-05"]') == ["1981-07-04", "1982-08-05"]


@pytest.mark.parametrize(
    "table",
    [
        "INSERT INTO t (n, dob) VALUES (1, '1981-07-04'), (2, NULL), (3, '1982-08-05')",
        "INSERT INTO t (n, m, dob) VALUES\n(1, 'x', '1981-07-04'),\n(3, 'y', '1982-08-05');",
        "COPY t (n, dob) FROM stdin;\n1\t1981-07-04\n2\t1982-08-05\n\\.\n3\t1983-01-01",
        " n | dob\n---+------------\n 1 | 1981-07-04\n 2 | 1982-08-05\n",
        "+---+------------+\n| n | dob        |\n+---+------------+\n| 1 | 1981-07-04 |\n| 2 | 1982-08-05 |\n",
        "   n         dob   seen\n0  a  1981-07-04  2024-01-01\n1  b  1982-08-05  2024-01-02\n",
        "The list: n,dob\n1,1981-07-04\n2,1982-08-05\n",
        "      n,dob,Paid?\n      1,1981-07-04,y\n      2,1982-08-05,n\n",
        'n,street,dob\n1,"x\nLeeds",1981-07-04\n2,"y\nBath",1982-08-05\n',
        "<tr><th>n</th><th>DOB</th></tr>\n<tr><td>1</td><td>1981-07-04</td></tr><tr><td>2</td><td>1982-08-05</td></tr>",
        "Guests with dates of birth:\n- Ann Roe, 1981-07-04\n- Bob, 1982-08-05\n\n2024-01-01",
        "Name        Born         City\nAnn Roe     1981-07-04   Leeds\nBob         1982-08-05   Bath\n\n2024-01-01",
    ],
)
def test_a_column_of_a_table_has_dates_of_birth(engine: Engine, table: str) -> None:
    assert found(engine, table) == ["1981-07-04", "1982-08-05"]


@pytest.mark.parametrize(
    "text",
    [
        "the release date is 2024-01-02",
        "NATO on 3 May 2024",
        "Date of birth: not given. Admitted 3 May 2024.",
        '"dob": null, "created_at": "2024-05-03"',
        "dob: null, created: 2024-05-03",
        "The DOB field was added on 3 May 2024",
        "The idea was born when we met on 3 May 2019",
        "She gave birth on 3 May 2024",
        "CREATE TABLE t (dob date, seen date);\nINSERT INTO t VALUES (NULL, '2024-05-03');",
        "INSERT INTO u VALUES (1, '2024-05-03'); -- dob",
        "born in a small town. On 4 July 1981 he left",
        "id,dob,name",
        "birthday party on 12/03",
        "born 2024-13-45",
    ],
)
def test_other_dates_are_nobodys_birth(engine: Engine, text: str) -> None:
    assert found(engine, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "mail [jo.blogs@acme-mail.co.uk].",
        "<[jane.doe@firma-mail.de]>",
        "mailto:[jane@firma-mail.de]?subject=x",
        "to=[jane@firma-mail.de]&x=1",
        "[first.last+tag@sub.firma-mail.com],y",
        "'[o'brien@dublin-mail.ie]'",
        "ask [jürgen@bücher-laden.de]: he knows",
        "[a.smith@example.org] wrote",
        "[83.33.203.102]:443",
        "http://[83.33.203.102]/x",
        "client ip [10.20.30.40]",
        "user logged in from [192.168.1.20]",
        "visitor [2a00:1450:4001:831::200e]",
        "call [212-736-5000] 10.0.0.1 now",
        "tel:[+12127365000]",
        "42,[212-736-5000],39",
        'Tel. "[020 7946 0958]"',
    ],
)
def test_the_value_alone_is_found(engine: Engine, text: str) -> None:
    value = text[text.index("[") + 1 : text.index("]")]
    assert found(engine, text.replace("[", "").replace("]", "")) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com",
        "your.email@example.com",
        "git@github.com:group/project.git",
        "icon@2x.png",
        "npm i pkg@1.2.3 @scope/x@2.0.0",
        "@app.route('/x')",
        "postgres://admin@db.internal-host.com/x",
        "version 1.2.3.4",
        "see section 83.1.2.200",
        "pkg==8.100.2.200",
        "Chrome/120.0.0.0",
        "10.0.0.1, 0.0.0.0, 127.0.0.1, 255.255.255.0, 192.0.2.7, ::1, 2001:db8::1, fe80::1%eth0",
        "1.3.6.1.4.1.311",
        "client netmask 255.255.255.0",
        "std::ab::cd and f64::1",
        "12:34:56 aa:bb:cc:dd:ee:ff",
        "called 10.33.203.102",
        "build 1234567893",
        "my string 2127365000",
        "a call to id 2127365000",
        "Copyright: 2013-2021",
    ],
)
def test_what_has_only_the_shape_is_not_found(engine: Engine, text: str) -> None:
    assert found(engine, text) == []


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Alma Reyes b. 3/4/1971, Dayton", "3/4/1971"),
        ("Sabine Uhlig, *12.12.1965", "12.12.1965"),
        ("Sabine Uhlig *12.12.1965", "12.12.1965"),
        ("Born: 1987 Aug 14", "1987 Aug 14"),
        ("d. o. b. 3/4/1988", "3/4/1988"),
        ("narozena 3. května 1988", "3. května 1988"),
        ("rodený/narodený 4. 5. 1981", "4. 5. 1981"),
        ("doğum tarihi 14.05.1988", "14.05.1988"),
        ("Született: 1990. május 5.", "1990. május 5."),
        ("nasceu em 12/09/1987", "12/09/1987"),
        ("DN 05/05/1951", "05/05/1951"),
        ("fecha de nacimiento: 5-XI-1980", "5-XI-1980"),
        ("née le 3 févr. 1970", "3 févr. 1970"),
        ("född den 3 augusti 1990", "3 augusti 1990"),
        ("родилась 9 марта 1975 года", "9 марта 1975"),
        ("Γεννήθηκε στις 5 Μαΐου 1980", "5 Μαΐου 1980"),
        ("我的生日是1990年5月6日。", "1990年5月6日"),
        ("생일은 1990년 5월 6일", "1990년 5월 6일"),
        ('{"birth": {"date": "12.10.1993", "place": "x"}}', "12.10.1993"),
        ("Agent: What is your date of birth?\nCaller: 12 March 1950\nAgent: Thanks", "12 March 1950"),
        ('{"key": "dob", "value": "1950-03-12"}', "1950-03-12"),
        ('"dob","1950-03-12"', "1950-03-12"),
        ("birthDate: !!timestamp 1950-03-12", "1950-03-12"),
        ("Date of birth: Sunday, 12 March 1950", "12 March 1950"),
    ],
)
def test_births_are_found_in_the_words_of_many_languages(engine: Engine, text: str, date: str) -> None:
    assert found(engine, text, "DATE_OF_BIRTH") == [date]


def test_a_label_with_its_date_in_a_line_of_commas_is_no_column(engine: Engine) -> None:
    text = "Re: Mrs Lee, d.o.b. 12.02.1949, ward B\n9 Mill Rd, Newtown, tel later"
    assert found(engine, text, "DATE_OF_BIRTH") == ["12.02.1949"]


@pytest.mark.parametrize(
    "text", ["DN 50, DN 100/2.5", "x * 2.5 * 3", "plan b. 12 items", "Diamètre DN 40 / PN 16"]
)
def test_marks_of_birth_without_a_date_are_none(engine: Engine, text: str) -> None:
    assert found(engine, text, "DATE_OF_BIRTH") == []


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("Straße: Hinter den Höfen 3\nOrt: 37574 Einbeck", "Hinter den Höfen 3"),
        ("  address: { street: 'Bullandö 12', city: 'Uppsala' }", "Bullandö 12"),
        ("<addressLine1>88 Riverside Walk</addressLine1>", "88 Riverside Walk"),
        ('{"direccion": "Jirón Puno 312", "n": 1}', "Jirón Puno 312"),
        ("name;strasse;ort\nHilde B;Am Alten Markt 3a;Recklinghausen\n", "Am Alten Markt 3a"),
        ("INSERT INTO t (name, street) VALUES ('A B', 'Vid Ån 4');", "Vid Ån 4"),
        ("Adresse : Résidence Bellevue 14, Tél. 01", "Résidence Bellevue 14"),
        ("住所:東京都千代田区丸の内1-1-1", "東京都千代田区丸の内1-1-1"),
        ("bor på Vasagatan 18 i Göteborg", "Vasagatan 18"),
        ("Nørrebrogade 77, 3. tv, 2200 København", "Nørrebrogade 77, 3. tv, 2200 København"),
        ("Mannerheimintie 12 B 8", "Mannerheimintie 12 B 8"),
        ("mieszkam przy ul. Długiej 14/5 w Gdańsku", "ul. Długiej 14/5"),
        ("Vinohradská 12/3, 120 00 Praha", "Vinohradská 12/3, 120 00 Praha"),
        ("ул. Ленина, д. 5, кв. 12", "ул. Ленина, д. 5, кв. 12"),
        ("Atatürk Mah. Cumhuriyet Cad. No: 12/3", "Atatürk Mah. Cumhuriyet Cad. No: 12/3"),
        ("RR 2 Box 145, Ottumwa IA", "RR 2 Box 145"),
        ("rue du Faubourg Saint-Antoine 77, Paris", "rue du Faubourg Saint-Antoine 77, Paris"),
        ("vive en la calle Mayor 7 de Madrid", "calle Mayor 7"),
        ("in Viale dell'Industria 9, Padova.", "Viale dell'Industria 9, Padova"),
    ],
)
def test_streets_are_found_by_their_label_and_in_the_words_of_more_countries(
    engine: Engine, text: str, street: str
) -> None:
    assert found(engine, text, "STREET_ADDRESS") == [street]


@pytest.mark.parametrize(
    "text",
    [
        "Address: see page 5 of the manual",
        "Memory address: Block 5",
        "IP Address: 10.0.0.1",
        "address = 0x7fff5fbff8c0",
        "street: none",
        "address,port\nlocalhost,8080\n",
        "Adresse: wird am 3. Mai mitgeteilt",
        "the plan of Vasagatan",
        "al. 5 and pl. 7",
    ],
)
def test_what_is_labelled_an_address_and_is_no_street_is_not_found(engine: Engine, text: str) -> None:
    assert found(engine, text, "STREET_ADDRESS") == []


@pytest.mark.parametrize("escape", [r"\n", r"\t", r"\r\n", r"\u000a", r"\x0a", r"\\n"])
def test_the_letter_of_an_escape_is_no_part_of_an_address(engine: Engine, escape: str) -> None:
    """Cut in two, JSON in a tool's arguments would be JSON no more, and the address another one."""
    text = f'{{"text": "ask{escape}kim.roe@northwind-mail.com{escape}now"}}'
    assert found(engine, text) == ["kim.roe@northwind-mail.com"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("联系zhang.wei@corp-mail.cn，谢谢", ["zhang.wei@corp-mail.cn"]),
        ("邮箱是kim@corp-mail.cn吧", ["kim@corp-mail.cn"]),
        ("联系kim@corp-mail.cn或lee@corp-mail.com.cn。", ["kim@corp-mail.cn", "lee@corp-mail.com.cn"]),
        ("メールはkim@corp-mail.jpです", ["kim@corp-mail.jp"]),
        ("이메일은kim@corp-mail.kr입니다", ["kim@corp-mail.kr"]),
        ("ติดต่อkim@corp-mail.thนะ", ["kim@corp-mail.th"]),
        ("邮箱：张伟@公司.cn", ["张伟@公司.cn"]),
        ("写信给kim@corp-mail.谢谢", []),
    ],
)
def test_an_address_beside_letters_that_need_no_blank_is_found_without_them(
    engine: Engine, text: str, wanted: list[str]
) -> None:
    assert found(engine, text, "EMAIL_ADDRESS") == wanted
