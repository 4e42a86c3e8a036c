"""Checksums against the vectors that their standards publish, and against every change of one character."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp import checksums, examples, validators
from outgate.dlp.made_up import bip39_words

# From the test vectors of BIP 173, BIP 350, BIP 32, the Bitcoin wiki (WIF), XRP Ledger docs, SEP 23, NATS nkeys.
PUBLISHED: list[tuple[Callable[[str], bool], str]] = [
    (validators.bech32, "A12UEL5L"),
    (validators.bech32, "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"),
    (validators.bech32, "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx"),
    (validators.base58check, "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"),
    (
        validators.base58check,
        "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    ),
    (validators.ripple_seed, "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"),
    (validators.crc16_base32, "SBU2RRGLXH3E5CQHTD3ODLDF2BWDCYUSSBLLZ5GNW7JXHDIYKXZWHOKR"),
    (validators.crc16_base32, "SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY"),
]
MADE = {
    validators.crc32_base62: "ghp_{alnum:30}{crc32_base62:6}",
    validators.grafana_checksum: "glsa_{alnum:32}_{grafana_crc}",
    validators.atlassian_checksum: "ATATT3xFfGF0{urlsafe:171}={atlassian_crc}",
    validators.azure_devops_pat: "{azdo}",
    validators.bech32: "{bech:1}",
    validators.base58check: "{wif}",
    validators.ripple_seed: "{ripple}",
    validators.crc16_base32: "{stellar}",
}


@pytest.mark.parametrize(("check", "value"), PUBLISHED, ids=lambda part: str(part)[:12])
def test_a_published_vector_holds(check: Callable[[str], bool], value: str) -> None:
    assert check(value)


@pytest.mark.parametrize("check", MADE, ids=lambda check: check.__name__)
@given(seed=st.integers(0, 1000), place=st.integers(0, 300), letter=st.sampled_from("234567abcdefghABCDEFGH"))
def test_a_made_up_value_holds_and_none_that_differs_in_one_character(
    check: Callable[[str], bool], seed: int, place: int, letter: str
) -> None:
    value = examples.expand(MADE[check], seed)
    assert check(value)
    place = 4 + place % (len(value) - 4)
    changed = value[:place] + letter + value[place + 1 :]
    if changed.lower() != value.lower():
        assert not check(changed)


def test_a_phrase_of_bip_39_is_that_of_its_vectors() -> None:
    # BIP 39's first and last English vectors of 128 and 256 bits.
    assert checksums.bip39_phrase(bytes(16), bip39_words()) == ["abandon"] * 11 + ["about"]
    assert checksums.bip39_phrase(b"\xff" * 32, bip39_words()) == ["zoo"] * 23 + ["vote"]
    assert not checksums.bip39_holds([0] * 12)
    assert not checksums.bip39_holds([0] * 13)
