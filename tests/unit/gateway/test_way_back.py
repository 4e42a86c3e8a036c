"""What is known of a WebSocket's placeholders: when the vault is asked, and whose values come back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from mitmproxy.test import tflow

from outgate.gateway import messages
from outgate.gateway.messages import Said, WayBack
from outgate.gateway.restoring import LookUps
from outgate.gateway.websocket import ENDS, TOLD, to_client
from outgate.model import Outcome, Pair, Verdict

ADA = Pair("PERSON_aaaaaaaaaaaa", "Ada")
BO = Pair("PERSON_bbbbbbbbbbbb", "Bo")
CY = Pair("PERSON_cccccccccccc", "Cy")
ALL = " ".join(pair.placeholder for pair in (ADA, BO, CY))

SAID = Said(ALL.encode(), is_text=True)


class Vault:
    """Counts how often it is asked."""

    def __init__(self, **scopes: Mapping[str, str]) -> None:
        self.scopes = scopes
        self.asked: list[str] = []
        self.error: BaseException | None = None

    async def known(self, scope: str, limit: int) -> Mapping[str, str]:
        self.asked.append(scope)
        if self.error is not None:
            raise self.error
        return self.scopes.get(scope, {})


def verdict(*pairs: Pair, scope: str = "ada") -> Verdict:
    return Verdict(Outcome.EDIT, scope=scope, pairs=pairs)


async def said(back: WayBack, vault: Vault | None, failed: list[str] | None = None) -> str:
    counted: list[str] = [] if failed is None else failed
    (told,) = await back.told(
        ALL.encode(),
        is_text=True,
        vault=vault,  # type: ignore[arg-type]
        look_ups=LookUps(),
        failed=counted.append,
    )
    return told.decode()


async def test_the_vault_is_asked_once_and_again_after_a_new_placeholder() -> None:
    vault = Vault(ada={ADA.placeholder: "Ada"})
    back = WayBack(verdict())
    for _ in range(3):
        assert await said(back, vault) == f"Ada {BO.placeholder} {CY.placeholder}"
    assert vault.asked == ["ada"]
    for _ in range(3):
        back.heard(verdict(BO))
        assert await said(back, vault) == f"Ada Bo {CY.placeholder}"
    assert vault.asked == ["ada", "ada"]


async def test_a_message_of_another_scope_leaves_nothing_of_the_one_before() -> None:
    vault = Vault(ada={ADA.placeholder: "Ada"}, bo={CY.placeholder: "Cy"})
    back = WayBack(verdict(BO))
    assert await said(back, vault) == f"Ada Bo {CY.placeholder}"
    back.heard(verdict(scope="bo"))
    assert await said(back, vault) == f"{ADA.placeholder} {BO.placeholder} Cy"


async def test_a_message_without_a_scope_changes_nothing() -> None:
    back = WayBack(verdict(ADA))
    back.heard(verdict(scope=""))
    assert await said(back, Vault()) == f"Ada {BO.placeholder} {CY.placeholder}"


async def test_where_nothing_is_replaced_the_vault_is_not_asked() -> None:
    vault = Vault()
    assert await said(WayBack(verdict(scope="")), vault) == ALL
    assert vault.asked == []


async def test_when_the_vault_fails_what_is_known_still_counts(caplog: pytest.LogCaptureFixture) -> None:
    vault, failed = Vault(ada={ADA.placeholder: "Ada"}), []
    back = WayBack(verdict())
    await said(back, vault)
    vault.error = RuntimeError("of Ada")
    back.heard(verdict(BO))
    for _ in range(3):
        assert await said(back, vault, failed) == f"Ada Bo {CY.placeholder}"
    assert failed == ["vault"]
    assert "of Ada" not in caplog.text


async def test_of_a_connections_own_placeholders_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_MOST", 2)
    back = WayBack(verdict())
    for pair in (ADA, BO, ADA, CY):
        back.heard(verdict(pair))
    assert await said(back, Vault()) == f"Ada {BO.placeholder} Cy"
    back.heard(verdict(BO, ADA, CY))
    assert await said(back, Vault()) == "Ada Bo Cy"


async def test_cancelled_while_the_vault_is_asked_a_message_goes_nowhere() -> None:
    flow, vault = tflow.twebsocketflow(), Vault()
    vault.error = asyncio.CancelledError()
    messages.begin(flow, flow.response, verdict())
    message = to_client(ALL.encode())
    with pytest.raises(asyncio.CancelledError):
        await messages.tell(flow, message, [SAID], vault, LookUps(), lambda _: None)
    assert message.dropped


@pytest.mark.parametrize("error", [RuntimeError, RecursionError, SystemExit])
async def test_a_message_that_cannot_be_restored_is_dropped_and_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: Any, **__: Any) -> list[bytes]:
        raise error

    monkeypatch.setattr("outgate.transform.answers.MessageRestorer.feed", broken)
    flow, failed, message = tflow.twebsocketflow(), [], to_client(ALL.encode())
    messages.begin(flow, flow.response, verdict(ADA))
    await messages.tell(flow, message, [SAID], None, LookUps(), failed.append)
    assert message.dropped and flow.metadata[ENDS] == (1011, "")
    assert b"could not be restored" in flow.metadata[TOLD][0].content
    assert failed == ["unrestored"]
    messages.heard(flow, verdict(BO))
    await messages.tell(flow, None, [], None, LookUps(), failed.append)
    assert flow.metadata[TOLD] == []  # nothing more, and nothing raises
