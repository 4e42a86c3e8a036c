"""Dates of birth as tickets, letters, forms, chats, records and tables of many countries write them.

``[[`` and ``]]`` mark what is to be found, and all that is; ``\n`` is a line break.
"""

from __future__ import annotations

import re

import pytest

from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine

SENTENCES = """
She was born on the [[3rd of May, 1974]].
with a date of birth of [[3 May 1974]]
He was born the [[3rd of May 1974]]
born at 4:32 a.m. on [[May 3, 1974]]
born in St. Louis on [[May 3, 1974]]
born prematurely on [[May 3, 2014]]
DOB reported as [[05/03/1974]]
DOB per chart [[05/03/1974]]
The date of birth on my account is [[05/03/1974]]
The DOB you have for me is wrong, it should be [[05/03/1974]]
Her DOB on file is [[05/03/1974]] but she says it should be [[05/13/1974]].
Please change my date of birth from [[05/03/1974]] to [[05/13/1974]].
enter [[05/03/1974]] as the date of birth
[[05/03/1974]] for her date of birth
[[05/03/1974]] DOB
[[May 3, 1974]] date of birth
John Smith (b. [[May 3, 1974]])
Birthdays this month: Ann ([[3 May 1974]]), Bob ([[4 May 1980]])
"""
ASKED = r"""
My date of birth? It's [[May 3rd 1974]]
Agent: And your date of birth?\nCaller: [[May third, 1974]]
Can you confirm your date of birth?\nSure, it's [[May 3, 1974]].
Agent: date of birth please\nCustomer: [[05/03/1974]]
my DOB is [[third of May 1974]]
"""
AGES = """
aged 43 ([[12/03/1981]])
aged 43 (12/03/2021)
Age: 50 ([[05/03/1974]])
50 yrs ([[05/03/1974]])
43M ([[12/03/1981]])
43-year-old male, [[12/03/1981]]
Trujillo, Amberlynn R. W/F [[08/14/1996]]
Unger, Dale (B/M, [[08/14/1976]])
W/F 08/14/2019
the switch A/M 08/14
aged 43 (updated 12/03/2021)
"""
FORMS = r"""
Date of birth\n\n[[3 May 1974]]
Date of Birth: ___[[03/05/1974]]___
Születési dátum: [[1983.05.21]].
tên tôi là Nhung, sinh ngày [[12/05/1994]], ở Huế
Hatice Şimşek *[[17.11.1971]], AOK
geb: [[12.3.80]]
Name/DOB: Jane Doe, [[05/03/1974]]
Name and date of birth: John Smith, [[3 May 1974]]
Place and date of birth: Leeds, [[3 May 1974]]
Lieu et date de naissance : Lyon, [[03/05/1974]]
Luogo e data di nascita: Roma, [[03/05/1974]]
Lugar y fecha de nacimiento: Madrid, [[3 de mayo de 1974]]
Geburtsort und -datum: Köln, [[03.05.1974]]
Tempat/Tgl Lahir: Jakarta, [[03-05-1974]]
<td>Date of birth</td><td>[[05/03/1974]]</td>
DOB: [[May 3rd, '74]]
DOB: [[03/May/1974]]
DOB : [[05 / 03 / 1974]]
DOB: [[3rd day of May 1974]]
"""
ABROAD = """
[[3 Mayıs 1974]] doğumlu
出生于[[1974年5月3日]]
生年月日：[[昭和49年5月3日]]
[[1974년 5월 3일]]생
[[03.05.1974]] г.р.
[[03.05.1974]] года рождения
"""
RECORDS = r"""
{"fechaNacimiento": "[[03/05/1974]]"}
{"dateNaissance": "[[03/05/1974]]"}
{"dataNascimento": "[[03/05/1974]]"}
{"dt_nasc": "[[03/05/1974]]"}
userdob: [[1974-05-03]]
dob_1=[[1974-05-03]]
BIRTH_DTTM: [[1974-05-03]] 00:00
DOB: [[05031974]]
<birthTime value="[[19740503]]"/>
1 BIRT\n2 DATE [[3 MAY 1974]]
(0010,0030) DA [[[19740503]]] # 8, 1 PatientBirthDate
DMG*D8*[[19740503]]*F~
DBB[[05031974]]
"""
TABLES = r"""
id,name,birth,sex\n1,Ann,[[1974-05-03]],F
"id","name","birth"\n"1","Ann","[[1974-05-03]]"
id,2nd_phone,dob\n1,555,[[1974-05-03]]\n2,555,[[1975-05-03]]
id,salary ($),dob\n1,5,[[1974-05-03]]\n2,4,[[1975-05-03]]
"Name (Last, First)",dob,x\n"Lee, Ann",[[1974-05-03]],1\n"Lee, Bo",[[1974-05-04]],1
name,dob,2023,2024\nAnn,[[1974-05-03]],1,2\nBo,[[1975-05-03]],1,2
name,dob\nx,[[5/3/1974 0:00]]\ny,[[5/3/1975 12:00 AM]]
name,dob\nx,[[74-05-03]]\ny,[[75-05-03]]
name,dob\nx,[[12031981]]\ny,[[12291974]]
name,dob\nx,12345678\ny,99031981
navn,fodselsdato\nx,[[12031981]]\ny,[[29.11.1974]]
nimi,syntymaaika,x\na,[[12.3.1981]],1
ad,dogum_tarihi,x\na,[[12.03.1981]],1
USUBJID,BRTHDTC,SEX\n1,[[1981-03-12]],F
id\tLast, first\tdob\tcity\n1\tLee, Ann\t[[1974-05-03]]\tLeeds\n2\tRoe, Bo\t[[3 May 1975]]\tYork
id,name,dob,email\n1,Ann Lee,[[May 3, 1974]],ann@made-up.example\n2,Bo,[[1975-05-03]],bo@made-up.example
name,dob,hired\nLee, Ann,[[1974-05-03]],2019-02-01\nRoe, Bo,[[1975-05-03]],2020-03-04
name,address,dob\nAnn,12 Mill Lane, Leeds,[[05/03/1974]]\nBo,9 High St, York,[[05/03/1975]]
name\taddress\tdob\tx\nAnn\t12 Mill Lane\nLeeds\t[[1974-05-03]]\t1\nBo\t9 High St\t[[1975-05-03]]\t2
id\tdob\tstreet\n1001\t[[19740503]]\t12 Mill Lane\n1002\t[[19750503]]\t13 Mill Lane
| name | dob | what they wrote of it |\n|---|---|---|\n| Ann | [[1974-05-03]] | once |\n| Bo | [[1975-05-03]] | 1 |
name,dob,age\nx,[[1974-05-03]] (50),50\ny,[[1975-05-03]] (49),49
Date of birth\n[[1974-05-03]]\n[[1975-05-03]]
Here is the list (name, date of birth, city):\nAnn Lee, [[1974-05-03]], Leeds\nBo Roe, [[1975-05-03]], York
"""
OTHER = r"""
birthday lunch: 3 May 2024
released * 3.5.2014
DOB is required, invoice dated 05/03/2024
date of birth missing; admitted 05/03/2024
dob validation was fixed, see 2024-05-03
aged cheese (12/03/2021)
43 (12/03/1981)
* 3.10.2020 fixed a bug
at birth, 3 May 2024
name,date_joined,dob_year\nAnn,2024-01-02,1974
"""


@pytest.fixture(scope="module")
def births() -> Engine:
    return Engine(DetectorConfig(entities=frozenset({"DATE_OF_BIRTH"}), ner_model=None))


@pytest.mark.parametrize(
    "lines",
    [SENTENCES, ASKED, AGES, FORMS, ABROAD, RECORDS, TABLES, OTHER],
    ids=["sentences", "asked", "ages", "forms", "abroad", "records", "tables", "of other things"],
)
def test_dates_of_birth_are_found_and_no_others(births: Engine, lines: str) -> None:
    for line in lines.strip().split("\n"):
        marked = line.replace(r"\n", "\n").replace(r"\t", "\t")
        text = re.sub(r"\[\[(.*?)\]\]", r"\1", marked)
        found = [text[match.start : match.end] for match in births.scan([text])[0]]
        assert found == re.findall(r"\[\[\[?(.*?)\]\]", marked), line
