"""``outgate account fingerprint``, and what ``outgate policy explain`` says of accounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from outgate.catalogue import Catalogue, told_accounts
from outgate.cli import account, policy
from outgate.policy.given import GivenSpec, exchange_of

KEY = "sk-made-up-" + "account" * 4


@pytest.mark.parametrize("written", [KEY, f"{KEY}\n", f"  {KEY}\r\n"])
def test_a_keys_fingerprint_is_what_requests_with_it_tell(written: str) -> None:
    done = CliRunner().invoke(account.command, ["fingerprint"], input=written)
    assert done.exit_code == 0
    catalogue = Catalogue.load()
    described = GivenSpec.model_validate({"text": "x", "headers": {"Authorization": f"Bearer {KEY}"}})
    exchange = exchange_of("og_1", described, catalogue)
    assert [done.stdout.strip()] == [
        str(one) for one in told_accounts(catalogue.providers["openai"], exchange)
    ]
    assert KEY not in done.output


@pytest.mark.parametrize("written", ["", "short", f"Bearer {KEY}", KEY + "é"])
def test_what_is_no_key_is_refused_and_not_repeated(written: str) -> None:
    done = CliRunner().invoke(account.command, ["fingerprint"], input=written)
    assert done.exit_code == 2
    assert "at least 20 characters" in done.output
    assert not written or written not in done.output


def test_explain_says_whose_account_it_is_and_what_is_against_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nallowed_accounts:\n  openai: {accounts: organization:org-Ours}\n")
    settings = tmp_path / "outgate.yaml"
    settings.write_text("state_dir: state\n")

    def explained(*headers: str) -> str:
        options = [part for header in headers for part in ("--header", header)]
        done = CliRunner().invoke(
            policy.command,
            ["--config", str(settings), "explain", "--policy", str(file), *options],
            input="hello",
        )
        assert done.exit_code == 0, done.output
        return done.output

    theirs = explained("OpenAI-Organization: org-Theirs")
    assert "account organization:org-Theirs" in theirs
    assert "block by 'allowed_accounts'" in theirs
    assert "allowed_accounts: organization:org-Theirs is not listed" in theirs
    assert "allowed_accounts: no account is told" in explained()
    assert "allowed_accounts: nothing is against it" in explained("openai-organization:org-Ours")
