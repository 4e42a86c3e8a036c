"""What is kept of one exchange. Built from what a client sent, so everything is cut to what it may say.

Nothing of a body is kept, nothing of a query, and of a path only what looks like an API's own. A
string of the client's that is kept at all (model, path, place) is kept in a small alphabet, at a
small length, and not at all when a finding lies in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Any, Final

from outgate.model import (
    Action,
    Direction,
    Exchange,
    Facts,
    Identity,
    IPAddress,
    Provider,
    Record,
    Role,
    Uninspectable,
    Verdict,
)
from outgate.transform import places

MOST_FINDINGS: Final = 500  # of one exchange; how many there were in all is kept beside
MOST_UNINSPECTABLE: Final = 50
MOST_GROUPS: Final = 50
MOST_ACCOUNTS: Final = 20

_WORD = re.compile(r"[a-z_]{1,40}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_HOST = re.compile(r"[a-z0-9._:-]{1,253}")
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9._:/@+-]{0,127}")
_MEDIA_TYPE = re.compile(
    r"(?:application|audio|font|image|message|model|multipart|text|video)/[a-z0-9][a-z0-9.+-]{0,60}"
)
_MOST_DIGITS = 4  # of a media type; a number of somebody's has more
_FINGERPRINT = re.compile(r"[0-9a-f]{1,64}")
# A step of a path that an API could have: words, versions and model names, but no identifiers.
_STEP = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{0,63}")
_OPAQUE = re.compile(r"[0-9]{9}|[A-Za-z0-9]{25}|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{13}")
_MOST_STEPS = 16
# When there are more findings than are kept, those that changed something are.
_WEIGHT: Final = {Action.BLOCK: 0, Action.AUDIT: 2, Action.ALLOW: 3}


_LISTS: Final = ("groups", "rules", "accounts")  # of texts
# Of a finding; earlier versions of the log have no direction.
_WORDS: Final[Mapping[str, type[StrEnum]]] = {"role": Role, "action": Action, "direction": Direction}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One exchange, as an auditor may know it. All strings are safe to show on a terminal."""

    id: str
    time: datetime
    client: str
    user: str | None
    groups: tuple[str, ...]
    device: str | None
    provider: str | None  # id; None: the host is in no catalogue
    jurisdiction: str | None
    region: str | None
    format: str | None
    model: str | None
    model_origin: str | None
    method: str
    host: str
    path: str
    status: int  # what the client was answered; 0: nothing
    outcome: str
    rule: str | None  # that blocked
    rules: tuple[str, ...]  # about the request as a whole: those that noted or let through
    would_block: str | None
    reason: str  # why inspection failed
    policy: str  # hash
    request_bytes: int
    inspected_bytes: int
    response_bytes: int
    streamed: bool
    websocket: bool
    seconds: Mapping[str, float]  # by stage; "exchange" is all of it, the provider's time included
    findings: tuple[Record, ...]
    findings_total: int
    uninspectable: tuple[Uninspectable, ...] = field(default=())
    accounts: tuple[str, ...] = ()  # KIND:ID that the request told; keys are fingerprints

    @classmethod
    def of(
        cls,
        exchange: Exchange,
        verdict: Verdict,
        *,
        policy_hash: str,
        status: int,
        request_bytes: int,
        response_bytes: int,
        seconds: float,
        streamed: bool = False,
    ) -> AuditEvent:
        """The event of an exchange that is over. Sizes in bytes on the wire, ``seconds`` for all of it."""
        endpoint, facts = verdict.endpoint, verdict.facts
        found_in = {record.place for record in verdict.records if record.direction is Direction.REQUEST}
        model = facts.model if facts else endpoint.model if endpoint else None
        return cls(
            id=_text(exchange.id, 64) or "",
            time=exchange.time,
            client=str(exchange.client),
            user=_text(exchange.identity.user, 256),
            groups=tuple(_text(group, 128) or "" for group in exchange.identity.groups[:MOST_GROUPS]),
            device=_text(exchange.identity.device, 256),
            provider=endpoint.provider.id if endpoint else None,
            jurisdiction=endpoint.provider.jurisdiction if endpoint else None,
            region=_text(endpoint.region, 64) if endpoint else None,
            format=endpoint.format if endpoint else None,
            model=_model(model) if found_in.isdisjoint(("model", "path")) else places.CUT,
            model_origin=facts.model_origin if facts else None,
            method=exchange.method if _METHOD.fullmatch(exchange.method) else places.CUT,
            host=exchange.host if _HOST.fullmatch(exchange.host) else places.CUT,
            path=safe_path(exchange.path) if "path" not in found_in else f"/{places.CUT}",
            status=status,
            outcome=str(verdict.outcome),
            rule=_text(verdict.rule, 200),
            rules=tuple(_text(rule, 200) or "" for rule in verdict.rules),
            would_block=_text(verdict.would_block, 200),
            reason=verdict.reason if _WORD.fullmatch(verdict.reason) or not verdict.reason else places.CUT,
            policy=_text(policy_hash, 64) or "",
            request_bytes=request_bytes,
            inspected_bytes=verdict.decoded_size,
            response_bytes=response_bytes,
            streamed=streamed,
            websocket=exchange.websocket,
            seconds={stage: round(taken, 6) for stage, taken in verdict.seconds.items()}
            | {"exchange": round(seconds, 6)},
            findings=_findings(verdict.records),
            findings_total=len(verdict.records),
            uninspectable=tuple(_uninspectable(item) for item in verdict.uninspectable[:MOST_UNINSPECTABLE]),
            accounts=tuple(_text(str(one), 200) or "" for one in facts.accounts[:MOST_ACCOUNTS])
            if facts
            else (),
        )

    @property
    def asker(self) -> tuple[Identity, IPAddress]:
        """Who asked, and from where; when that was erased, nobody at no address."""
        try:
            client = ip_address(self.client)
        except ValueError:
            client = IPv4Address(0)
        return Identity(self.user, self.groups, self.device), client

    def facts(self, provider: Provider) -> Facts:
        """What rules can ask about it now that it is over. ``provider``: what is known of its own.

        Accounts are left out: of those that are keys the log has no more than a fingerprint.
        """
        identity, client = self.asker
        return Facts(
            provider=provider,
            region=self.region,
            model=self.model,
            model_origin=self.model_origin,
            host=self.host,
            path=self.path,
            method=self.method,
            identity=identity,
            client=client,
            time=self.time,
            reference=self.id,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, in a stable order."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        values["time"] = self.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values |= {name: list(getattr(self, name)) for name in _LISTS}
        values["seconds"] = dict(self.seconds)
        values["findings"] = [
            {name: getattr(record, name) for name in Record.__slots__} for record in self.findings
        ]
        values["uninspectable"] = [
            {name: getattr(item, name) for name in Uninspectable.__slots__} for item in self.uninspectable
        ]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AuditEvent:
        """What ``to_json`` gave, or that of an earlier version. Raises KeyError, TypeError or ValueError."""
        values = {"rules": (), "accounts": (), **values}  # added later
        known = {name: values[name] for name in cls.__slots__}
        known["time"] = datetime.fromisoformat(values["time"])
        known |= {name: tuple(values[name]) for name in _LISTS}
        known["findings"] = tuple(
            Record(
                **finding | {name: kind(finding[name]) for name, kind in _WORDS.items() if name in finding}
            )
            for finding in values["findings"]
        )
        known["uninspectable"] = tuple(Uninspectable(**item) for item in values["uninspectable"])
        return cls(**known)


def safe_path(path: str) -> str:
    """A path without its query, and without any step that could be anything but an API's own word."""
    steps = path.partition("?")[0].split("/", _MOST_STEPS + 1)
    told = [step if not step or _is_plain_step(step) else places.CUT for step in steps[: _MOST_STEPS + 1]]
    return "/".join(told) + ("/..." if len(steps) > _MOST_STEPS + 1 else "")


def _is_plain_step(step: str) -> bool:
    return _STEP.fullmatch(step) is not None and _OPAQUE.search(step) is None


def _model(model: str | None) -> str | None:
    if model is None:
        return None
    return model if _MODEL.fullmatch(model) and not _OPAQUE.search(model) else places.CUT


def _text(value: str | None, most: int) -> str | None:
    """A string that an administrator wrote: any script, but nothing that moves a terminal's cursor."""
    if value is None:
        return None
    if len(value) <= most and value.isprintable():
        return value
    return "".join(character if character.isprintable() else "?" for character in value[:most])


def _findings(records: tuple[Record, ...]) -> tuple[Record, ...]:
    if len(records) > MOST_FINDINGS:
        records = tuple(sorted(records, key=lambda record: _WEIGHT.get(record.action, 1))[:MOST_FINDINGS])
    return tuple(
        Record(
            entity=_text(record.entity, 100) or "",
            role=record.role,
            place=places.safe(record.place),
            score=round(record.score, 3),
            fingerprint=record.fingerprint if _FINGERPRINT.fullmatch(record.fingerprint) else places.CUT,
            rule=_text(record.rule, 200),
            action=record.action,
            direction=record.direction,
        )
        for record in records
    )


def _uninspectable(item: Uninspectable) -> Uninspectable:
    media_type = item.media_type.partition(";")[0].strip().lower()
    # Within a mail its sender chose it, in an answer the provider.
    plain = _MEDIA_TYPE.fullmatch(media_type) and sum(map(str.isdigit, media_type)) <= _MOST_DIGITS
    known = media_type if plain and not _OPAQUE.search(media_type) else "unknown"
    reason = item.reason if _WORD.fullmatch(item.reason) or not item.reason else places.CUT
    return Uninspectable(places.safe(item.place), known, item.size, reason)
