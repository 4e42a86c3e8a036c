"""A text in pieces says what it says whole, wherever the pieces meet."""

from __future__ import annotations

import base64

import pytest

from outgate.dlp import windows
from outgate.dlp.engine import Engine
from outgate.dlp.windows import Size, cut

_CORE = 2_000
_FILLER = "The quiet river bends around the old mill and goes on towards the hills. " * 300
_PASSWORD = "tr0ub4dor" + "&3xyz"
_PEM = "\n".join(
    ["-----BEGIN " + "PRIVATE KEY-----"]
    + [base64.b64encode(bytes(range(i, i + 48))).decode() for i in range(26)]
    + ["-----END " + "PRIVATE KEY-----"]
)
_VALUES = {
    "a value behind its name": f"\nDB_PASSWORD = '{_PASSWORD}'\n",
    "a value that is said to be one": f" and {_PASSWORD} is the password of it. ",
    "a key over lines": f"\n{_PEM}\n",
    "an address": "\nAda Byron\n12 Long Acre Street, Apt 4\nSpringfield, IL 62704\n",
    "a number behind its label": " Patient's MRN: 48213977, seen today. ",
    "a column": "\n\nname,password\nada,hunter22!x\nbob,correct-Horse9\n\n",
    "a card": " Charge 4111 1111 1111 1111 please. ",
    "an e-mail address": " Write to ada.byron@mill-example.com soon. ",
    "encoded": " " + base64.b64encode(f"password: {_PASSWORD} card 4111111111111111".encode()).decode() + " ",
}


@pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES.keys())
def test_what_stands_where_two_pieces_meet_is_found_as_in_the_whole_text(
    value: str, every_pattern: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for before in range(len(value) + 40, -60, -max(3, len(value) // 12)):
        begin = max(0, _CORE - before)
        text = _FILLER[:begin] + value + _FILLER[: 12_000 - begin]
        monkeypatch.setitem(windows.SIZES, "patterns", Size(len(text), 0, 0))
        whole = every_pattern.scan([text])
        assert whole[0]
        monkeypatch.setitem(windows.SIZES, "patterns", Size(_CORE, 256, 8_192))
        assert len(list(cut("patterns", [text]))) > 1
        assert every_pattern.scan([text]) == whole, before
