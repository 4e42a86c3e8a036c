"""The words of the house as data: what passes between the rooms, and nothing that acts.

Everything here is frozen. A room receives these, and gives these back; no room reaches into
another. Offsets into ``Segment.text`` are code points, offsets into a part are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from outgate.model_accounts import Account, AccountSource, Restriction

IPAddress = IPv4Address | IPv6Address
Headers = tuple[tuple[bytes, bytes], ...]
Scope = Literal["user", "group", "conversation"]  # whose placeholders are the same, and come back


class Role(StrEnum):
    """Whose words a segment holds."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    TOOL_DEFINITION = "tool_definition"
    METADATA = "metadata"


class Direction(StrEnum):
    """Which half of an exchange."""

    REQUEST = "request"  # what a client sends
    RESPONSE = "response"  # what the provider answers


class Action(StrEnum):
    """What a rule does with what it matched."""

    ALLOW = "allow"
    AUDIT = "audit"
    REDACT = "redact"
    MASK = "mask"
    HASH = "hash"
    PSEUDONYMISE = "pseudonymise"
    BLOCK = "block"

    @property
    def edits(self) -> bool:
        """Whether the action changes the bytes that leave."""
        return self in _EDITING


class Style(StrEnum):
    """What a placeholder looks like."""

    TAG = "tag"  # EMAIL_ADDRESS_ab12cd34ef56
    SURROGATE = "surrogate"  # of the value's own shape, from a range that is nobody's


class Unit(StrEnum):
    """What a budget limits."""

    REQUESTS = "requests"  # over a WebSocket, the messages of the client
    INPUT_BYTES = "input_bytes"  # of bodies, decoded
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOKENS = "tokens"  # both
    FINDINGS = "findings"  # that a rule was about


_EDITING = frozenset({Action.REDACT, Action.MASK, Action.HASH, Action.PSEUDONYMISE})


@dataclass(frozen=True, slots=True)
class Window:
    """How long a budget lasts before it begins anew."""

    seconds: int = 0  # counted from the epoch; 0: the calendar's
    calendar: Literal["", "day", "month"] = ""
    zone: tzinfo = UTC  # of the calendar's

    def __str__(self) -> str:
        return f"{self.calendar} ({self.zone})" if self.calendar else f"{self.seconds} s"


@dataclass(frozen=True, slots=True)
class Charge:
    """A budget that an exchange draws on, and that is charged for the tokens of its answer."""

    counter: bytes  # keyed hash of the budget and of whom it counts for
    window: Window


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an exchange; None: nobody has said."""

    input: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """An operator of hosted models.

    ``jurisdiction`` is the ISO 3166-1 alpha-2 country where the *operator* sits, which is another
    fact than where a region processes and than where a model comes from.
    """

    id: str
    name: str
    operator: str
    jurisdiction: str
    category: Literal["api", "chat", "assistant", "cloud", "aggregator", "self-hosted"]
    credential_headers: frozenset[str] = frozenset()  # lower case; pass unscanned to this provider
    accounts: tuple[AccountSource, ...] = ()
    restrictions: tuple[Restriction, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the catalogue knows of one request's host and path."""

    provider: Provider
    format: str  # a name in outgate.formats.FORMATS; "generic" when no API format is known
    region: str | None = None  # processing region when the host name states it
    model: str | None = None  # when the path names the model (Gemini, Bedrock, Azure deployments)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as far as anyone has said so."""

    user: str | None = None
    groups: tuple[str, ...] = ()
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it reached us, byte for byte; ``body`` still has its content encoding."""

    id: str  # the reference id that clients and auditors see
    time: datetime  # aware, UTC
    client: IPAddress
    method: str
    scheme: str
    host: str  # lower case, without port
    port: int
    target: bytes  # origin form: path and query, raw
    headers: Headers  # names and values raw, folded lines already joined
    body: bytes
    identity: Identity = Identity()
    websocket: bool = False  # ``body`` is one message of an upgraded connection,
    connection: str = ""  # which has this name, and no other ever has,
    opened_with: Headers = ()  # and began with a request that had these

    def header(self, name: str) -> str:
        """All values of a header (case-insensitive), joined by ``, ``; ``""`` when absent."""
        wanted = name.lower().encode()
        values = [value for key, value in self.headers if key.lower() == wanted]
        return b", ".join(values).decode("latin-1")

    @property
    def path(self) -> str:
        """The raw path without the query, as text (latin-1, so that no byte is lost)."""
        return self.target.split(b"?", 1)[0].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Part:
    """One byte buffer of an exchange: the decoded body, the target, or one header's value."""

    kind: Literal["body", "target", "header"]
    index: int = 0  # for headers: position in Exchange.headers


BODY = Part("body")
TARGET = Part("target")


@dataclass(frozen=True, slots=True)
class Segment:
    """One string of an exchange, whose words it is, and where its bytes lie.

    ``part[start:end]`` are the raw bytes that ``codec`` (a name in outgate.wire.text_codecs.CODECS)
    turns into ``text`` and, after an edit, back.
    """

    text: str
    role: Role
    place: str  # for people: "messages[2].content[0].text", "query:q", "header:x-title"
    part: Part
    start: int
    end: int
    codec: str
    editable: bool = True  # False: signed or opaque; a finding that asks for an edit blocks


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within the body, whose words are known only to whoever can open it.

    ``body[start:end]`` are the raw bytes that ``codec`` (a name in outgate.wire.file_codecs.CODECS)
    turns into the file.
    """

    place: str
    role: Role  # of who sent it
    media_type: str  # by its first bytes
    size: int  # bytes, about
    start: int
    end: int
    codec: str


@dataclass(frozen=True, slots=True)
class Uninspectable:
    """Something that leaves and that no detector can read: audio, an encrypted file, a page of one."""

    place: str
    media_type: str
    size: int  # bytes
    reason: str = ""  # a word of outgate.attachments.Reason; "": nobody tried


@dataclass(frozen=True, slots=True)
class Document:
    """A request as its format reads it: every string with its role, and what could not be read."""

    segments: tuple[Segment, ...]
    model: str | None = None
    models: tuple[str, ...] = ()  # that the requests within a batch are for
    stream: bool = False  # the client asked for a streamed answer
    attachments: tuple[Attachment, ...] = ()  # not opened yet
    uninspectable: tuple[Uninspectable, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """An entity at a span of one segment's text. Never holds the value itself."""

    segment: int  # index into Document.segments
    start: int  # code points
    end: int
    entity: str
    score: float  # 0..1
    detector: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What ``when`` and ``unless`` of a rule can ask about."""

    provider: Provider
    region: str | None
    model: str | None
    model_origin: str | None  # ISO country of the organisation that trained the model
    host: str
    path: str  # normalised, as the server will read it: a rule about /v1/files also holds for //v1/%66iles
    method: str
    identity: Identity
    client: IPAddress
    time: datetime
    accounts: tuple[Account, ...] = ()  # that the request tells, where the policy asks
    reference: str = ""  # the exchange's, for messages,
    why_url: str = ""  # and where whoever asks is told more


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rule decided what for one finding."""

    finding: Finding
    rule: (
        str | None
    )  # None: no rule matched, the finding is let through unrecorded by rule; or "exception:ID"
    action: Action
    style: Style = Style.TAG  # of the placeholder, where the action is PSEUDONYMISE


JUSTIFICATION = (
    "justification:"  # in Judgement.rules, before the reference of an exchange that a reason was given for
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of an exchange: per finding, and of the whole."""

    decisions: tuple[Decision, ...]
    blocked_by: str | None = None  # the rule that blocks the exchange
    message: str = ""  # for the person who is blocked
    rules: tuple[str, ...] = ()  # gates that noted or let through, and "uninspectable" when it noted
    would_block: str | None = None  # in audit mode: the rule that would have blocked
    coached: bool = False  # it is blocked, and would not be if a reason were given


@dataclass(frozen=True, slots=True)
class Record:
    """One finding as audit and metrics may know it: place and fingerprint, never the value."""

    entity: str
    role: Role
    place: str
    score: float
    fingerprint: str  # keyed (HMAC), hex
    rule: str | None
    action: Action
    direction: Direction = Direction.REQUEST


@dataclass(frozen=True, slots=True)
class Pair:
    """A placeholder and the value that it stands for."""

    placeholder: str  # ASCII, as it leaves
    value: str = field(repr=False)  # as it stood in the request, exactly; may hold a lone surrogate


class Outcome(StrEnum):
    """How an exchange leaves the pipeline."""

    FORWARD = "forward"  # as it came, byte for byte
    EDIT = "edit"  # with the edits applied
    BLOCK = "block"  # a rule said so
    REFUSE = "refuse"  # it could not be read (400, 413, 415, 421) or inspection failed (503)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to happen to an exchange, and all that may be told of why."""

    outcome: Outcome
    status: int = 0  # HTTP status of the answer when BLOCK or REFUSE
    rule: str | None = None
    message: str = ""
    reason: str = ""  # REFUSE, or an error overruled by on_error: a fixed word for metrics
    body: bytes | None = None  # replaces the body and its content encoding; None: leave as is
    target: bytes | None = None
    headers: Mapping[int, bytes] = field(default_factory=dict)  # index -> new value
    endpoint: Endpoint | None = None
    facts: Facts | None = None
    models: tuple[str, ...] = ()  # of a batch: all that its requests are for
    records: tuple[Record, ...] = ()
    uninspectable: tuple[Uninspectable, ...] = ()
    decoded_size: int = 0  # bytes inspected
    stream: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds
    rules: tuple[str, ...] = ()  # as in Judgement
    would_block: str | None = None
    scope: str = ""  # whose placeholders may be restored in the answer; "": the policy makes none
    pairs: tuple[Pair, ...] = ()  # every placeholder that was put into this request
    coached: bool = False  # as in Judgement
    signature: Headers = ()  # replaces the client's, which covered other bytes; empty: leave as is
    charges: tuple[Charge, ...] = ()  # budgets that the answer's tokens count for
    overdrawn: tuple[str, ...] = ()  # budgets that had nothing left, whatever came of it
    retry_after: int = 0  # seconds until a budget that blocks begins anew

    def stopped(
        self, outcome: Outcome, status: int, message: str, *, rule: str | None = None, reason: str = ""
    ) -> Verdict:
        """The same of an exchange that was to leave and does not: nothing is left of what it would have left with."""
        return replace(
            self,
            outcome=outcome,
            status=status,
            message=message,
            rule=rule or self.rule,
            reason=reason or self.reason,
            body=None,
            target=None,
            headers={},
            signature=(),
            pairs=(),
        )
