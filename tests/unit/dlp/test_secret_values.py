"""What a value says of itself, and the checks of rules that go by it."""

from __future__ import annotations

import base64

import pytest

from outgate.dlp import examples, secret_values
from outgate.dlp.secret_names import judge
from outgate.dlp.secret_scores import LEAST, score
from outgate.dlp.validators import (
    basic_auth,
    chosen_password,
    drawn_parts,
    drawn_tail,
    jwt,
    random_but_no_uuid,
    signed_password,
    token_of_url,
)

STRONG = examples.expand("{password}")


@pytest.mark.parametrize("template", ["{b64:86}==", "{urlsafe:22}==", "secret-live-{alnum:34}=="])
def test_the_padding_of_base_64_is_no_comparison(template: str) -> None:
    value = examples.expand(template)
    assert not secret_values.code(value)
    assert score(value, judge("account_key"), "set", quoted=False) >= LEAST


@pytest.mark.parametrize("value", ["token == expected", "a==b", "user.token != old"])
def test_a_comparison_is_code(value: str) -> None:
    assert secret_values.code(value)


@pytest.mark.parametrize("signs", ["#)%(&*@", "!=^(-_$", ")&&(%+#"])
def test_a_quoted_key_of_all_signs_is_found_although_it_reads_like_an_expression(signs: str) -> None:
    drawn = examples.expand("{lower:43}")
    value = "".join(part + sign for part, sign in zip(drawn[::6], signs, strict=False)) + drawn
    assert secret_values.keyboard(value)
    assert score(value, judge("SECRET_KEY"), "assigned", quoted=True) >= LEAST


@pytest.mark.parametrize(
    "value",
    [
        r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[a-zA-Z\d@$!%*?&]{8,}$",
        "this.config.get(user)&&this.secretFor(user)!==undefined",
        "https://login.northwind.com/oauth2/token?a=1&b=2#c",
        "short(1)!#&",
    ],
)
def test_patterns_expressions_and_addresses_are_no_keys_of_all_signs(value: str) -> None:
    assert not secret_values.keyboard(value)


def test_a_quoted_token_in_two_parts_is_no_attribute() -> None:
    assert score(examples.expand("s.{alnum:24}"), judge("VAULT_TOKEN"), "assigned", quoted=True) >= LEAST
    assert score("settings.credentials.apiToken2", judge("VAULT_TOKEN"), "assigned", quoted=True) == 0


def test_a_sealed_value_is_none() -> None:
    assert score(examples.expand("AgB{b64:400}"), judge("password"), "set", quoted=False) == 0


@pytest.mark.parametrize(
    "name",
    "storepass srcstorepass keypass rootpw bindpw pgpass pass_phrase lösenordet adgangskoden passordet".split()
    + "RABBITMQ_DEFAULT_PASS ACME_PASS bind_credentials".split(),
)
def test_a_password_is_told_by_what_programs_and_people_call_it(name: str) -> None:
    assert judge(name).family == "password"
    assert judge(name).certainty == 1.0


@pytest.mark.parametrize(
    "name",
    # The last is Git's, which tells a key by what is public of it.
    """bypass compass overpass phrase catch_phrase HtyBMtOwkC-BXrpw9CMFI first_pass SHADOW_PASS boardingPass
    token_accessor signingkey""".split(),
)
def test_a_word_that_ends_like_one_is_none(name: str) -> None:
    assert judge(name).certainty == 0


@pytest.mark.parametrize("value", [STRONG, "velvetOrbit27", "copper-lantern-orbit-velvet", "w!nterX#q"])
def test_what_a_person_would_choose_is_a_password(value: str) -> None:
    assert chosen_password(value)


@pytest.mark.parametrize(
    "value",
    ["password", "staging-server", "10:30", "2026-01-02", "$PASS", "read_only", "P@ssw0rd!", "Dunno."],
)
def test_what_a_person_would_not_choose_is_none(value: str) -> None:
    assert not chosen_password(value)


def test_a_uuid_looks_drawn_and_is_told_from_what_is() -> None:
    assert random_but_no_uuid(examples.expand("{hex:32}"))
    assert not random_but_no_uuid(examples.expand("{uuid}"))


def test_a_long_key_with_a_run_of_letters_in_it_holds_no_words() -> None:
    keys = [examples.expand("{alnum:32}", seed) for seed in range(200)]
    assert sum(map(secret_values.holds_words, keys)) <= 4
    assert secret_values.holds_words("SEC_PKCS12PrivateKeyForSigning")


def test_a_path_of_names_is_not_drawn() -> None:
    assert drawn_parts(examples.expand("{alnum:24}.{alnum:6}.{alnum:27}"))
    for name in ("Interaction.client.getApplicationCommandManager", "self._proxy_auth", "x-content-sha256"):
        assert not drawn_parts(name)
    assert drawn_tail(examples.expand("acme_live_{alnum:32}"))
    assert not drawn_tail("acme_live_userslastmonthbycountry")
    assert not drawn_tail(examples.expand("pk_live_{alnum:24}"))  # which is published


@pytest.mark.parametrize(
    "pair", ["Aladdin:open sesame", "aladdin:opensesame", "username:password", "user:passwd"]
)
def test_what_manuals_encode_is_a_placeholder_encoded_too(pair: str) -> None:
    assert secret_values.placeholder(base64.b64encode(pair.encode()).decode())
    assert not basic_auth(base64.b64encode(pair.encode()).decode())


def test_a_key_of_all_signs_is_found_without_quotes_where_a_setting_stands() -> None:
    value = (
        "".join(
            part + sign for part, sign in zip(examples.expand("{lower:40}")[::4], "@#)+!(^*_&", strict=True)
        )
        + "x7("
    )
    value = value + value[::-1]
    assert score(value, judge("DJANGO_SECRET_KEY"), "set", quoted=False) >= LEAST
    assert score(value, judge("DJANGO_SECRET_KEY"), "assigned", quoted=False) == 0


def test_base_64_that_begins_with_a_slash_is_no_path() -> None:
    assert score(examples.expand("/{b64:43}"), judge("SECRET_KEY"), "assigned", quoted=True) >= LEAST
    for path in (
        "/usr/local/lib/python3/site/Packages12/Acme",
        "/Users/kim/Projects/Acme2024/backend/srcMain",
    ):
        assert secret_values.another_thing(path)


def test_a_word_with_a_number_is_a_secret_where_it_can_be_nothing_else() -> None:
    assert score("Lichen76fern", judge("secret"), "set", quoted=False) >= LEAST
    for name in ("token", "api_key", "secretName"):
        assert score("Lichen76fern", judge(name), "set", quoted=False) == 0
    for value in ("TestSecret2024", "acme-wildcard-tls-2026", "platform2"):
        assert score(value, judge("secret"), "set", quoted=False) == 0


@pytest.mark.parametrize("name", ["NONCE_SALT", "hash_salt", "passwordsalt"])
def test_a_salt_for_everything_is_a_secret(name: str) -> None:
    assert judge(name).certainty >= 0.8


def test_the_token_that_jwt_io_shows_is_none() -> None:
    assert jwt(examples.expand("{jwt}"))
    parts = ('{"alg":"HS256","typ":"JWT"}', '{"sub":"1234567890","name":"John Doe","iat":1516239022}')
    shown = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    assert not jwt(f"{shown}.{examples.expand('{urlsafe:43}')}")


@pytest.mark.parametrize("value", ["my-release-tls2026", "acme_prod_2024", "v2-gateway-cert"])
def test_words_joined_with_numbers_are_the_name_of_a_secret(value: str) -> None:
    assert score(value, judge("secret"), "set", quoted=False) == 0


def test_words_joined_with_numbers_may_be_a_key() -> None:
    assert score("my-release-tls2026", judge("secret_key"), "set", quoted=False) >= LEAST


@pytest.mark.parametrize("value", ["sha512", "SHA-256", "argon2id", "aes-256-gcm", "HS256", "ed25519"])
def test_the_name_of_an_algorithm_is_no_password(value: str) -> None:
    assert score(value, judge("password_hash"), "called", quoted=True) == 0
    assert score(value, judge("password"), "pair", quoted=True) == 0


def test_a_number_joined_to_a_word_is_an_adjective() -> None:
    for value in ("12-stellig", "64-bit", "24-hour"):
        assert score(value, judge("Passwort"), "said", quoted=False) == 0


def test_a_public_key_of_sentry_is_no_token_of_a_url() -> None:
    assert token_of_url(examples.expand("{hex:40}"))
    assert not token_of_url(examples.expand("{hex:32}"))


def test_signs_that_join_words_make_no_password() -> None:
    assert signed_password(STRONG)
    assert not signed_password("Backup_2024-01")
