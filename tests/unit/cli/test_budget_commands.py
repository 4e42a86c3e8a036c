"""``outgate budgets``, the settings of budgets, and what `outgate policy` makes of a policy's budgets."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outgate.audit import AuditEvent, AuditLog
from outgate.budget_pipeline import within
from outgate.budgets import Ledger
from outgate.catalogue import Catalogue
from outgate.gateway import checkup
from outgate.gateway.service import fingerprint_key
from outgate.model import Outcome, Verdict
from outgate.pipeline import Rules
from outgate.policy import load
from outgate.policy.given import GivenSpec, IdentitySpec, exchange_of
from outgate.settings import Settings
from outgate.settings.sections import SettingsError

POLICY = """
version: 1
budgets:
  - {name: daily, per: [identity.user, model], limit: {requests: 2, tokens: 1000}, window: 1d}
  - {name: all together, limit: {requests: 50}, window: 1h}
"""
CASES = """
cases:
  - name: the first is let through
    given: {identity: {user: ann}, text: hello}
    expect: {outcome: forward}
  - name: the third is not
    given: {identity: {user: ann}, text: hello, spent: {daily: {requests: 2}}}
    expect: {outcome: block, rule: daily, status: 429, message: [2 requests per day]}
  - name: nor what comes when nothing is left
    given: {identity: {user: ann}, text: hello, spent: {all together: {requests: 50}}}
    expect: {rule: all together}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "outgate.yaml").write_text("policies: policy.yaml\nstate_dir: state\n")
    return Settings.load(tmp_path / "outgate.yaml")


def asked(settings: Settings, *users: str) -> None:
    """What a proxy that these people use leaves behind."""
    catalogue = Catalogue.load()
    key = fingerprint_key(settings.state_dir)
    rules = Rules(catalogue, load(settings.policies), key, 2**20)
    log = AuditLog.open(settings)

    async def ask(ledger: Ledger) -> None:
        for number, user in enumerate(users):
            given = GivenSpec(
                text="hello", model="gpt-4o", identity=IdentitySpec(user=user), time=datetime.now(UTC)
            )
            exchange = exchange_of(f"og_{number}", given, catalogue)
            endpoint = catalogue.identify(exchange.host, exchange.path)
            from outgate.formats import read
            from outgate.pipeline import facts_of

            assert endpoint is not None
            facts = facts_of(exchange, endpoint, read(exchange, endpoint, exchange.body), rules)
            verdict = Verdict(Outcome.FORWARD, endpoint=endpoint, facts=facts)
            verdict = await within(exchange, verdict, rules, ledger.admit)
            log.record(
                AuditEvent.of(
                    exchange,
                    verdict,
                    policy_hash="0" * 64,
                    status=200,
                    request_bytes=1,
                    response_bytes=1,
                    seconds=0.1,
                )
            )
        await ledger.close()

    asyncio.run(ask(settings.budget_config.open(key)))
    log.close()


def test_show_tells_who_used_how_much_of_what(shell, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    asked(settings, "ann", "ann", "bob")
    rows = json.loads(shell("budgets", "show", "--json").text)
    told = {(row["budget"], row["for"].get("identity.user"), row["unit"]): row["used"] for row in rows}
    assert told == {
        ("daily", "ann", "requests"): 2,
        ("daily", "bob", "requests"): 1,
        ("all together", None, "requests"): 3,
    }
    table = shell("budgets", "show").text
    assert "identity.user ann" in table and "model gpt-4o" in table and "all together" in table


def test_show_of_one_user_tells_nothing_of_others(shell, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    asked(settings, "ann", "bob")
    done = shell("budgets", "show", "--user", "bob")
    assert "bob" in done.text and "ann" not in done.text


def test_show_asks_for_whom_the_log_has_not_seen(shell, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    asked(settings, "ann")
    for path in (settings.state_dir / "audit").iterdir():
        path.unlink()
    assert "ann" not in shell("budgets", "show").text
    (row, *_) = json.loads(shell("budgets", "show", "--user", "ANN", "--model", "gpt-4o", "--json").text)
    assert (row["for"], row["used"]) == ({"identity.user": "ann", "model": "gpt-4o"}, 1)


def test_show_says_where_nothing_can_be_seen(shell, settings: Settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "outgate.yaml").write_text(
        "policies: policy.yaml\nstate_dir: state\nbudgets: {store: memory}\n"
    )
    done = shell("budgets", "show")
    assert done.code == 2
    assert "no other process can see it" in done.err
    assert "not an address" in shell("budgets", "show", "--client", "x").err
    assert "no provider" in shell("budgets", "show", "--provider", "x").err


def test_policy_check_test_and_explain_know_budgets(shell, settings: Settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "2 budgets" in shell("policy", "check", "policy.yaml").text
    (tmp_path / "policy.test.yaml").write_text(CASES)
    done = shell("policy", "test", "policy.yaml")
    assert (done.code, done.text.splitlines()[-1]) == (0, "3 cases, 0 failed")
    assert "no case is decided" not in done.text
    (tmp_path / "policy.test.yaml").write_text(CASES.replace("daily: {requests: 2}", "daily: {requests: 1}"))
    assert "1 failed" in shell("policy", "test", "policy.yaml").text
    (tmp_path / "policy.test.yaml").write_text(CASES.replace("spent: {daily", "spent: {dayly"))
    assert "no budget is called 'dayly'" in shell("policy", "test", "policy.yaml").err
    explained = shell("policy", "explain", "--user", "ann", stdin=b"hello").text
    assert "budgets that it counts for" in explained and "=> block   daily" in explained


def test_the_doctor_looks_at_the_counters_and_makes_none(shell, settings: Settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def told() -> tuple[str, str]:
        found = checkup.checkup(Settings.load(tmp_path / "outgate.yaml"), offline=True)
        return next((result.state, result.told) for result in found if result.name == "budgets")

    assert told() == ("note", "2, and nothing was counted yet")
    assert not settings.state_dir.exists()
    asked(settings, "ann")
    assert told() == ("ok", "2, counted in sqlite, and the key fits")
    (settings.state_dir / "fingerprint.key").write_bytes(bytes(32))
    assert told()[0] == "mend"
    assert "another fingerprint.key" in told()[1]


@pytest.mark.parametrize(
    ("text", "store", "section"),
    [
        ("", "sqlite", "vault"),
        ("budgets: {store: memory}", "memory", "vault"),
        ("vault: {store: valkey, url: 'valkey://a:1'}", "valkey", "vault"),
        ("vault: {store: valkey, url: 'valkey://a:1'}\nbudgets: {store: sqlite}", "sqlite", "vault"),
        ("budgets: {store: valkey, url: 'valkey://b:2'}", "valkey", "budgets"),
    ],
)
def test_counters_are_where_the_settings_say(tmp_path: Path, text: str, store: str, section: str) -> None:
    (tmp_path / "outgate.yaml").write_text(f"state_dir: state\n{text}\n")
    config = Settings.load(tmp_path / "outgate.yaml").budget_config
    assert config.store == store
    if store == "valkey":
        assert (config.section, config.url) == (
            section,
            "valkey://a:1" if section == "vault" else "valkey://b:2",
        )
    assert config.path == tmp_path / "state" / "budgets" / "budgets.db"
    assert "valkey://" not in repr(config)


def test_settings_that_do_not_fit_together_are_told(tmp_path: Path) -> None:
    (tmp_path / "outgate.yaml").write_text("budgets: {url: 'valkey://a:1'}\n")
    with pytest.raises(SettingsError, match="`url` is for"):
        Settings.load(tmp_path / "outgate.yaml")
    (tmp_path / "outgate.yaml").write_text("budgets: {store: valkey}\n")
    with pytest.raises(SettingsError, match="needs a `url`"):
        _ = Settings.load(tmp_path / "outgate.yaml").budget_config
