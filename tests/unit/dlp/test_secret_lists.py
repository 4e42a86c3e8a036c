"""Secrets in lists: each item of a list is found, whatever it is written in, and nothing of lists of names."""

from __future__ import annotations

import pytest

from growth import is_linear
from outgate.dlp import examples
from outgate.dlp.detector import everywhere
from outgate.dlp.secret_lists import ListDetector

DETECTOR = ListDetector()
ONE, TWO = (examples.expand("{password}", seed) for seed in (1, 2))
KEY, OTHER = (examples.expand("{alnum:36}", seed) for seed in (1, 2))


def found(text: str) -> list[str]:
    return [text[match.start : match.end] for match in everywhere(DETECTOR, text)]


@pytest.mark.parametrize(
    "text",
    [
        f'API_KEYS = ["{KEY}", "{OTHER}"]',
        f"api_keys:\n  - {KEY}\n  - {OTHER}  # old\nregion: eu\n",
        f'"accessTokens": [\n    "{KEY}",\n    "{OTHER}"\n  ],\n  "next": "{KEY[::-1]}"',
        f'var apiKeys = []string{{"{KEY}", "{OTHER}"}}',
        f"const apiKeys: string[] = ['{KEY}', '{OTHER}'];",
        f"API_KEYS={KEY},{OTHER}\nREGION=eu\n",
        f'SERVICE_SECRETS = {{"billing": "{KEY}", "mail": "{OTHER}"}}',
    ],
)
def test_keys_are_found_in_a_list(text: str) -> None:
    assert found(text) == [KEY, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        f'passwords: ["{ONE}", "{TWO}"]',
        f"passwords:\n- '{ONE}'\n- '{TWO}'\n",
        f'$passwords = @("x", "{ONE}", "{TWO}")'.replace("@", ""),
        f'PASSWORDS = {{\n  "kim": "{ONE}",\n  "lee": "{TWO}",\n}}',
    ],
)
def test_passwords_are_found_in_a_list(text: str) -> None:
    assert found(text) == [ONE, TWO]


@pytest.mark.parametrize(
    "text",
    [
        "secrets:\n  - db_password\n  - registry-credentials-eu1\n",
        "secrets: [db_password, api_token]\n",
        'PASSWORD_FIELDS = ["password", "new_password1"]',
        f'tokens = ["{KEY}"]',  # of a lexer, of a model
        f'cache_keys: ["{KEY}"]',
        f'public_keys = ["{KEY}", "{OTHER}"]',
        'common_passwords = ["password", "letmein", "qwerty", "123456"]',
        'api_keys = [os.environ["FIRST_KEY"], os.environ["SECOND_KEY"]]',
        "imagePullSecrets:\n  - name: regcred-eu-west-1\n",
        "credentials: none, secrets: none, tokens: 12, keys: 3\n",
        f"cache_keys=a,b API_KEYS=none,none OTHER={KEY}",
        r'"the key \"csi.storage.k8s.io/serviceAccount.tokens\": {\"csi.storage.k8s.io/serviceAccount.tokens\": 1}"',
        f'API_KEYS = load("keys.json")\nDIGEST = "{KEY}"',
    ],
)
def test_lists_of_other_things_hold_nothing(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("part", ['api_keys = ["x", ', "api_keys:\n- x\n", "api_keys=x,", "secrets = {'a': "])
def test_time_is_linear(part: str) -> None:
    assert is_linear(lambda size: found(part * size), 2_000)
