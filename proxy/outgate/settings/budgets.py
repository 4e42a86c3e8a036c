"""Where budgets are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from outgate.settings.sections import Section


class Budgets(Section):
    """Where what was used of the policy's budgets is counted."""

    store: Literal["memory", "sqlite", "valkey"] | None = Field(
        None,
        description="memory: one process, until it ends; sqlite: this machine; valkey: many machines; "
        "default: valkey where the vault's is, else sqlite",
    )
    path: Path | None = Field(None, description="file of sqlite; default: budgets/budgets.db in state_dir")
    url: str | None = Field(None, repr=False, description="server of valkey; default: the vault's")
    counters: int = Field(
        1_000_000, ge=1, description="counters that memory, or numbers that sqlite holds, at most"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.url is not None and self.store != "valkey":
            raise ValueError("`url` is for `store: valkey`")
        return self
