"""The page that a person sees in a browser instead of a site: what was stopped, by which rule, and what to do.

Whole by itself: no script, no picture, nothing fetched, one style that its policy names by hash. It repeats nothing
of the request but its host; what was found is told by its kind.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape

from outgate.model import Action, Exchange, Outcome, Verdict

_STYLE = """\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#f6f7f9;--card:#fff;--line:#d9dee3;--mark:#b42318}
@media(prefers-color-scheme:dark){
:root{--ink:#e6e9ec;--soft:#9aa4ae;--paper:#101316;--card:#1a1e23;--line:#323941;--mark:#ff8a7a}}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
margin:0;padding:12vh 1.25rem 3rem;color:var(--ink);background:var(--paper)}
main{max-width:40rem;margin:auto;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--mark);
border-radius:8px;padding:1.75rem 2rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}
h2{font-size:1rem;margin:1.5rem 0 .25rem}
p{margin:.5rem 0;overflow-wrap:anywhere}
.message{font-size:1.125rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.25rem;margin:1.25rem 0;padding:1rem 0;
border:solid var(--line);border-width:1px 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font:.9em ui-monospace,SFMono-Regular,Consolas,"DejaVu Sans Mono",monospace;user-select:all}
ul{margin:.25rem 0;padding-left:1.25rem}
footer{max-width:40rem;margin:1rem auto 0;color:var(--soft);font-size:.875rem}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_KINDS = 6  # that are listed


@dataclass(frozen=True, slots=True)
class Stopped:
    """What may be told of a request that was stopped."""

    host: str = ""
    provider: str = ""  # its name
    rule: str = ""
    found: tuple[str, ...] = ()  # kinds
    by_rule: bool = False  # or it could not be inspected
    why_url: str = ""  # where there is more of it

    @classmethod
    def of(cls, verdict: Verdict, exchange: Exchange) -> Stopped:
        """What a verdict says of an exchange."""
        by_rule = verdict.outcome is Outcome.BLOCK
        blocking = (record.entity for record in verdict.records if record.action is Action.BLOCK)
        return cls(
            host=exchange.host,
            provider=verdict.facts.provider.name if verdict.facts else "",
            rule=verdict.rule or "" if by_rule else "",
            found=tuple(dict.fromkeys(blocking)),
            by_rule=by_rule,
            why_url=verdict.facts.why_url if verdict.facts and by_rule else "",
        )


def page(status: int, message: str, reference: str, stopped: Stopped) -> bytes:
    """The page, as UTF-8."""
    unreached = status == 502
    title = "This site was not reached" if unreached else "This request was stopped"
    site = f"{stopped.host} ({stopped.provider})" if stopped.provider else stopped.host
    rows = (
        ("Site", escape(site)),
        ("Rule", escape(stopped.rule)),
        ("Found", _found(stopped.found)),
        ("Reference", f"<code>{escape(reference)}</code>"),
    )
    table = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows if value)
    kept = "" if unreached else f"<p>Nothing of it was sent to {escape(stopped.provider or 'the site')}.</p>"
    steps = "".join(f"<li>{step}</li>" for step in (*_more(stopped), *_to_do(stopped, unreached=unreached)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{title} - Outgate</title><style>{_STYLE}</style></head>"
        f'<body><main><h1>{title}</h1><p class="message">{escape(message)}</p>{kept}<dl>{table}</dl>'
        f"<h2>What you can do</h2><ul>{steps}</ul></main>"
        "<footer>Outgate looks at what is sent to AI services from here, and at nothing else.</footer></body></html>"
    ).encode()


def _more(stopped: Stopped) -> tuple[str, ...]:
    """Where a person can say that it is not sensitive, or give a reason; HTML."""
    if not stopped.why_url.startswith("http://"):
        return ()
    return (f'<a href="{escape(stopped.why_url)}">Read why, and say if this is wrong.</a>',)


def _found(kinds: tuple[str, ...]) -> str:
    more = f" and {len(kinds) - _KINDS} more" if len(kinds) > _KINDS else ""
    return ", ".join(f"<code>{escape(kind)}</code>" for kind in kinds[:_KINDS]) + more


def _to_do(stopped: Stopped, *, unreached: bool) -> tuple[str, ...]:
    """HTML, an item each."""
    tell = "tell your security team the reference, which repeats nothing of what you sent."
    if unreached:
        return ("Try again in a moment.", f"If it stays so, {tell}")
    if stopped.found:
        return ("Go back, take out what was found, and send it again.", f"If this looks wrong, {tell}")
    if stopped.by_rule:
        return (
            "Use a service that is approved for this.",
            f"If you need this one, or this looks wrong, {tell}",
        )
    return ("Go back and try again.", f"If it stays so, {tell}")
