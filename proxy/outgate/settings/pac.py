"""What browsers and systems are told of the proxy: the ``pac`` section of a settings file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from outgate.settings.sections import Address, Section


class Pac(Section):
    """The PAC file, which the proxy serves at the address of its metrics."""

    proxies: tuple[Address, ...] = Field(
        (),
        description="HOST:PORT of the proxy as clients reach it, in the order to ask them; default `listen`",
    )
    when_unreachable: Literal["block", "direct"] = Field(
        "block", description="what becomes of AI hosts when no proxy answers: not reached, or reached past it"
    )
