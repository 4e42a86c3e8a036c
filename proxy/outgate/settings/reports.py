"""What a report says of whoever runs this, and no log can know: the ``reports`` section of a settings file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from outgate.settings.sections import Section


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]


class Reports(Section):
    """For the record of transfers of `outgate report`; each text is shown as it stands here."""

    region: Texts = Field(
        ("EEA",),
        min_length=1,
        description="home: EEA, EU, UK, US or ISO codes; what is operated elsewhere is told",
    )
    organisation: str = Field("", description="controller, Art. 30(1)(a) GDPR")
    contact: str = Field("", description="how it is reached")
    data_protection_officer: str = Field("", description="name and how to reach")
    purposes: Texts = Field((), description="of processing, Art. 30(1)(b)")
    data_subjects: Texts = Field((), description="categories of them, Art. 30(1)(c)")
    safeguards: dict[str, str] = Field(
        default_factory=dict,
        description="provider id or ISO country -> what a transfer there rests on, Art. 44 ff.: a contract, a date",
    )
    retention: dict[str, str] = Field(
        default_factory=dict, description="provider id -> how long it keeps what it is sent, Art. 30(1)(f)"
    )
    measures: Texts = Field((), description="further measures, Art. 30(1)(g), besides what Outgate does")
