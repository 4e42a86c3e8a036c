"""Numbers that only the words around them tell: whose passport, which account, which patient's record."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine


@pytest.fixture(scope="module")
def engine(patterns_folder: Path) -> Engine:
    found = entities.expand(["identity", "payment", "health"])
    return Engine(DetectorConfig(entities=found, ner_model=None), patterns_folder)


def found(engine: Engine, text: str) -> dict[str, str]:
    """The values in ``text``, and what they are."""
    return {text[match.start : match.end]: match.entity for match in engine.scan([text])[0]}


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("the Korean passport number M49832168", "M49832168", "KR_PASSPORT"),
        ('"korean_passport": "M82936258"', "M82936258", "KR_PASSPORT"),
        ("South African passport M12345678", "M12345678", "ZA_PASSPORT"),
        ("Philippine passport: PB1234567", "PB1234567", "PH_PASSPORT"),
        ("British passport: PB1234567", "PB1234567", "UK_PASSPORT"),
        ("Italian passport YA1234567", "YA1234567", "IT_PASSPORT"),
        ("German passport: CF1234567", "CF1234567", "DE_PASSPORT"),
        ("German ID card: LCCP68F2X", "LCCP68F2X", "DE_ID_CARD"),
    ],
)
def test_of_passports_that_look_alike_it_is_that_of_the_country_named(
    engine: Engine, text: str, value: str, entity: str
) -> None:
    assert found(engine, text) == {value: entity}


def test_where_no_country_is_named_it_is_one_whose_numbers_are_looked_for_by_default(engine: Engine) -> None:
    assert found(engine, "passport number: BB3121506") == {"BB3121506": "UK_PASSPORT"}


def test_the_label_of_the_next_number_says_nothing_of_the_one_before(engine: Engine) -> None:
    text = "Passport number: 350865428 and driver's license: 260 680 804"
    assert found(engine, text) == {"350865428": "US_PASSPORT", "260 680 804": "US_DRIVER_LICENSE"}


@pytest.mark.parametrize("label", ["steuer-id", "steuer_id", "Steuer ID", "steuerId", "STEUER_ID"])
def test_the_parts_of_a_label_may_have_anything_between_them(engine: Engine, label: str) -> None:
    assert found(engine, f"{label}: 65929970489") == {"65929970489": "DE_TAX_ID"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Pt. Roe (MRN 4829137) was seen", "4829137"),
        ("mrn,name\n4829137,Roe", "4829137"),
        ("the MRN on her wristband reads 48-29-13", "48-29-13"),
        ('{"medicalRecordNumber": "AB-104482"}', "AB-104482"),
    ],
)
def test_a_patients_record_is_found_by_its_label(engine: Engine, text: str, value: str) -> None:
    assert found(engine, text) == {value: "MEDICAL_RECORD_NUMBER"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my driver's license got stolen, it was D123-456-78-901-2", "D123-456-78-901-2"),
        ("<drivers_license>D123-4567-8901</drivers_license>", "D123-4567-8901"),
        ("| Driver's license | N6257 52666 06151 |", "N6257 52666 06151"),
    ],
)
def test_a_licence_in_groups_is_one_number(engine: Engine, text: str, value: str) -> None:
    assert found(engine, text) == {value: "US_DRIVER_LICENSE"}


def test_an_account_beside_a_routing_number_is_a_banks(engine: Engine) -> None:
    text = "direct deposit: routing 021000021, account 1234567890"
    assert found(engine, text) == {"021000021": "ABA_ROUTING_NUMBER", "1234567890": "US_BANK_NUMBER"}
    assert found(engine, "log in to account 123456789012") == {}


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("My kennitala is 040785-8419, is that right?", "040785-8419", "IS_KENNITALA"),
        ('field=cpr typed="020469-4893"', "020469-4893", "DK_CPR"),
        ('"tic": "07843943T"', "07843943T", "CY_TIC"),
        ("the tax no. 07843943T of our Cypriot contractor", "07843943T", "CY_TIC"),
        ("with 07843943T as it stands", "07843943T", "ES_NIF"),
        ("as 131052-308T wrote", "131052-308T", "FI_PERSONAL_IDENTITY_CODE"),
        ("KV-Nr. A123456780", "A123456780", "DE_HEALTH_INSURANCE"),
        ("passport no. 554889517 (UK passport)", "554889517", "UK_PASSPORT"),
    ],
)
def test_a_number_that_two_countries_write_alike_is_that_of_its_label(
    engine: Engine, text: str, value: str, entity: str
) -> None:
    assert found(engine, text) == {value: entity}
