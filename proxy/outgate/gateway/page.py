"""What the proxy's own pages look like. Everything in them that is not the template's is escaped by it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from outgate.feedback.reasons import LONGEST

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:5vh auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}"
    "code{background:#eef1f4;padding:.1em .3em;border-radius:3px}dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.2rem 1rem}dt{font-weight:600}dd{margin:0}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #d5dae0;overflow-wrap:anywhere}"
    "form{border:1px solid #d5dae0;border-radius:6px;padding:0 1rem 1rem;margin:1.5rem 0}"
    "label{display:block;margin:.5rem 0}"
    "textarea,select{font:inherit;width:100%;box-sizing:border-box}button{font:inherit;padding:.3rem 1rem}"
    ".message{font-size:1.1rem}.done{background:#e7f5ea;padding:.5rem 1rem;border-radius:6px}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181c}code{background:#2a2f35}"
    ".done{background:#1d3324}th,td,form{border-color:#3a4047}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # with none at all, a browser tells a form's origin as "null"
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_TITLES = {
    "block": "This request was stopped",
    "refuse": "This request was stopped",
    "edit": "This request was changed",
    "forward": "This request was let through",
}
_TEMPLATE = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string((Path(__file__).parent / "why.html").read_text(encoding="utf-8"))


def of_case(case: Mapping[str, Any], token: str) -> str:
    """What was done about an exchange, and the forms to say something of it. ``case``: as ``Case.to_json``."""
    return _rendered(_TITLES.get(case["outcome"], "Outgate"), case=case, token=token)


def of_text(title: str, text: str) -> str:
    """A few words."""
    return _rendered(title, text=text)


def _rendered(title: str, *, text: str = "", case: Mapping[str, Any] | None = None, token: str = "") -> str:
    return _TEMPLATE.render(
        title=title,
        text=text,
        case=case,
        token=token,
        style=_STYLE,
        longest=LONGEST,
    )
