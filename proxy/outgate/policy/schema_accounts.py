"""The shape of ``allowed_accounts:``: whose accounts at a provider may be used."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from outgate.policy.schema_types import OneOrMore, Spec, template

# As a header may hold it, and an item of a comma-separated list.
AccountName = Annotated[str, Field(pattern=r"^[a-z][a-z-]*:[\x21-\x2b\x2d-\x7e]{1,128}$")]


class AllowedAccountsSpec(Spec):
    """The accounts at one provider that requests may use."""

    accounts: Annotated[tuple[AccountName, ...], OneOrMore()] = Field(
        (),
        description="KIND:ID, such as organization:org-... or key:FINGERPRINT (`outgate account fingerprint`)",
    )
    unlisted: Literal["block", "audit"] = Field(
        "block", description="what happens to a request of another account, or of nobody knows which"
    )
    unknown: Literal["unlisted", "provider"] = Field(
        "unlisted",
        description="a request that tells no account is unlisted, too; or (provider) goes on with the header by "
        "which the provider itself turns away other accounts",
    )
    message: Annotated[str, Field(max_length=1000), AfterValidator(template)] = Field(
        "",
        description="for the person who is blocked; {account}, {provider.name}, {help_url}, ... are filled in",
    )
    note: str = Field("", description="for whoever reads the policy; nothing is done with it")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.accounts and self.unlisted == "block":
            raise ValueError(
                "no account is listed", "`unlisted: audit` records whose are used, and blocks none"
            )
        if self.message and self.unlisted != "block":
            raise ValueError("`message` is for who is blocked: `unlisted: audit` blocks nobody")
        if self.unknown == "provider" and self.unlisted == "audit":
            raise ValueError("with `unlisted: audit` the provider is not asked to turn anybody away")
        return self
