"""Secrets in columns: found below their name in every kind of table, and nothing else of the row."""

from __future__ import annotations

import pytest

from growth import is_linear
from outgate.dlp import examples
from outgate.dlp.detector import everywhere
from outgate.dlp.secret_columns import ColumnDetector

DETECTOR = ColumnDetector()
ONE, TWO = (examples.expand("{password}", seed) for seed in (1, 2))
KEY = examples.expand("{alnum:36}")


def found(text: str) -> list[str]:
    return [text[match.start : match.end] for match in everywhere(DETECTOR, text)]


@pytest.mark.parametrize(
    "text",
    [
        f"name,url,username,password\nshop,https://shop.internal,kim,{ONE}\nmail,https://mail.internal,lee,{TWO}\n",
        f'"site";"login";"Passwort"\n"shop";"kim";"{ONE}"\n"mail";"lee";"{TWO}"\n',
        f"user\tpassword\tnote\nkim\t{ONE}\t\nlee\t{TWO}\told\n",
        f"here is the export:\nusername,password,notes\nkim,{ONE},\nlee,{TWO},x\n\nthanks",
        f"user,db_password\nkim,{ONE}\nlee,{TWO}",
        f"INSERT INTO users (id, name, password) VALUES (1, 'kim', '{ONE}'), (2, 'lee', '{TWO}');",
        f"COPY users (name, password) FROM stdin;\nkim\t{ONE}\nlee\t{TWO}\n\\.\n",
        # set out with blanks, as programs print tables
        f"HOST      USER    PASSWORD\ndb1       root    {ONE}\ndb2       admin   {TWO}\n",
        f" id | username |     password     \n----+----------+------------------\n"
        f"  1 | kim      | {ONE}\n  2 | lee      | {TWO}\n",
        "+------+" + "-" * 42 + "+\n| user | password" + " " * 33 + "|\n+------+" + "-" * 42 + "+\n"
        f"| kim  | {ONE:<40} |\n| lee  | {TWO:<40} |\n+------+" + "-" * 42 + "+\n",
        f"<table>\n<tr><th>User</th><th>Password</th></tr>\n<tr><td>kim</td><td>{ONE}</td></tr>\n"
        f"<tr><td>lee</td><td>{TWO}</td></tr>\n</table>",
        f"host\tuser\tpass\ndb1\troot\t{ONE}\ndb2\troot\t{TWO}\n",
        f"NAME     DB PASSWORD\nkim      {ONE}\nlee      {TWO}\n",
        f"Benutzer;Kennwort;Rolle\nkim;{ONE};x\nlee;{TWO};y\n",
        f"url,login,hasło\na.internal,kim,{ONE}\nb.internal,lee,{TWO}\n",
    ],
)
def test_a_password_is_found_below_its_name(text: str) -> None:
    assert found(text) == [ONE, TWO]


def test_a_token_is_found_below_its_name() -> None:
    (match,) = everywhere(DETECTOR, f"service,api_key,owner\nbilling,{KEY},kim\n")
    assert match.entity == "GENERIC_SECRET"


@pytest.mark.parametrize(
    "text",
    [
        "username,password\nkim,\nlee,changeme\n",
        "name,password_hash\nkim,x\n",
        f"public_key,owner\n{KEY},kim\n",
        "def log_in(user, password):\n    return session(user, password)\n",
        "    name, token = pair\n    first, second = pair\n",
        "Username, password\nand address are required, all of them\n",
        f"the password, {ONE}\n",
        "from keys import (\n    CLIENT_SECRET_KEY,\n    Ed25519PrivateKey,\n    X448Key,\n)\n",
        "store.put(user, password)\nstore.put(other, hunter27xyz)\n",
        "NAME      PASSWORD LAST SET     EXPIRES\nkim       2026-01-02 10:11      2026-09-01\n",
        "SUITE     PASS    FAIL\nlogin7    Abcd12x8    3\n",
        "suite,pass,fail\nlogin7,Abcd12x8,3\n",
        "Enter your  password  and\nthen press    Xy7#kLmq2w once\n",
        "<tr><th>Field</th><th>Password</th></tr><tr><td>min</td><td>12 characters</td></tr></table>",
        "NAME       TOKEN            AGE\nbuilder    registry-login   12d\n",
        "option  secret  default\nname,value,other7X#,more\n",
    ],
)
def test_below_other_names_and_in_programs_there_is_nothing(text: str) -> None:
    assert found(text) == []


def test_time_is_linear_in_lines_that_might_be_heads() -> None:
    assert is_linear(lambda size: found("password,token\nx\n" * size + "password," * size), 2_000)
    assert is_linear(lambda size: found("user  password  token\nx\n" * size + "x  password  " * size), 2_000)
    assert is_linear(lambda size: found("<tr><th>password</th>\n" * size), 2_000)
