"""The PAC file: a browser's and a system's rule for which hosts go through the proxy.

Made from the catalogue, so that it names exactly the hosts that are opened, and that of the proxy's own pages. What it
says for them ends with the proxies: when none answers, AI hosts fail instead of being reached uninspected, unless
``pac.when_unreachable`` says that they may be.

The script keeps to what every engine runs, WinHTTP's JScript (ECMAScript 3) included.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Literal

from outgate import __version__
from outgate.catalogue import Catalogue
from outgate.catalogue.hosts import REGION, HostPattern
from outgate.feedback.address import HOST
from outgate.settings import Settings
from outgate.settings.sections import SettingsError

log = logging.getLogger("outgate")

_SCRIPT = """\
// Hosts of AI services through Outgate, everything else direct. Made by `outgate pac` (Outgate {version}):
// make it anew after an upgrade or a change of the catalogue, do not edit it.
var PROXY = {proxy};

// Exactly these hosts.
var EXACT = {exact};

// Every host below these.
var BELOW = {below};

// Hosts with a region in their name.
var REGIONAL = {regional};

function has(names, name) {{
  return Object.prototype.hasOwnProperty.call(names, name);
}}

function FindProxyForURL(url, host) {{
  host = host.toLowerCase().replace(/\\.+$/, "");
  if (has(EXACT, host)) return PROXY;
  for (var dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {{
    if (has(BELOW, host.substring(dot + 1))) return PROXY;
  }}
  for (var i = 0; i < REGIONAL.length; i++) {{
    if (REGIONAL[i].test(host)) return PROXY;
  }}
  return "DIRECT";
}}
"""

Kind = Literal["PROXY", "HTTPS"]


def of(settings: Settings, hosts: Iterable[HostPattern], proxies: Sequence[str] = ()) -> str:
    """The file of an installation; ``proxies`` in the place of those of its settings. Raises SettingsError."""
    asked = proxies or settings.pac.proxies
    if not asked:
        host, _, _ = settings.listen.rpartition(":")
        if host in ("0.0.0.0", "[::]", "::"):  # noqa: S104
            told = "say with `pac.proxies` (or --proxy) what clients reach it as"
            raise SettingsError(f"pac: the proxy listens on {settings.listen}; {told}")
        asked = (_spelled(*settings.proxy_address),)
    kind: Kind = "HTTPS" if settings.tls else "PROXY"
    return script(hosts, asked, kind, direct=settings.pac.when_unreachable == "direct")


def served(settings: Settings, catalogue: Catalogue) -> str | None:
    """What is served; none where nothing says what clients reach the proxy as, or there is no HTTP proxy."""
    try:
        return of(settings, catalogue.hosts())
    except SettingsError as error:
        log.info("no PAC file is served: %s", error.message)
        return None


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def script(
    hosts: Iterable[HostPattern], proxies: Sequence[str], kind: Kind = "PROXY", *, direct: bool = False
) -> str:
    """The file's text. ``proxies`` are HOST:PORT, asked in this order (``HTTPS``: over TLS); there is at least one.

    ``direct``: when none answers, the hosts are reached without one.
    """
    ways = [f"{kind} {address}" for address in proxies] + (["DIRECT"] if direct else [])
    exact: list[str] = [HOST]  # pages that only the proxy has
    below: list[str] = []
    regional: list[str] = []
    for pattern in hosts:
        name = ".".join(pattern.labels)
        if REGION in name:
            regional.append(_expression(pattern))
        else:
            (below if pattern.below else exact).append(name)
    return _SCRIPT.format(
        version=__version__,
        proxy=json.dumps("; ".join(ways)),
        exact=_block("{", (f"{json.dumps(name)}: 1" for name in exact), "}"),
        below=_block("{", (f"{json.dumps(name)}: 1" for name in below), "}"),
        regional=_block("[", regional, "]"),
    )


def _expression(pattern: HostPattern) -> str:
    labels = r"\.".join(label.replace(REGION, "[a-z0-9-]+") for label in pattern.labels)
    return f"/^{'.+[.]' if pattern.below else ''}{labels}$/"


def _block(opening: str, items: Iterable[str], closing: str) -> str:
    """One item a line: a comma after the last would be an error to old engines."""
    return opening + "".join(f"\n  {item}," for item in sorted(items)).removesuffix(",") + f"\n{closing}"
