"""From a JSON body's scalars to segments: the machinery that every API format shares.

A format is a ``Shape``: which key holds what, and which role a container's words have. What a
shape does not know keeps its container's role, so a field that did not exist when this was written
is scanned like its neighbours. Nothing is ever dropped but exact, known structural words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from outgate.formats import media
from outgate.model import BODY, Role, Segment, Uninspectable
from outgate.wire import WireError
from outgate.wire.json_spans import Container, Kind, Scalar, Tree

MIN_DIGITS = 7  # shorter numbers identify nobody and no account

# Keys of the APIs' own vocabulary: as keys they tell nothing. Anything else that is a key is scanned.
STRUCTURAL_KEYS = frozenset(
    """
    model messages role content type text name id input instructions system tools tool_choice
    function arguments parameters properties required description stream stream_options
    temperature top_p top_k max_tokens max_completion_tokens max_output_tokens stop n seed user
    metadata tool_calls tool_call_id call_id tool_use_id tool_use tool_result is_error
    input_schema cache_control ttl source media_type data url image_url input_text output_text
    detail contents parts inlineData inline_data mimeType mime_type functionCall functionResponse
    functionDeclarations generationConfig safetySettings systemInstruction system_instruction
    thoughtSignature thought_signature response args reasoning effort summary include store
    parallel_tool_calls previous_response_id prompt_cache_key service_tier thinking budget_tokens
    signature encrypted_content status output title enum items additionalProperties default strict
    anyOf oneOf allOf schema format response_format json_schema logprobs file_id file_data
    filename presence_penalty frequency_penalty include_usage citations context_management
    thinkingConfig includeThoughts thinkingBudget maxOutputTokens topP topK prompt suffix
    """.split()
)
_STRUCTURAL_VALUES: Mapping[str, frozenset[str]] = {
    "role": frozenset("system developer user assistant tool function model".split()),
    "type": frozenset(
        """
        text image_url input_text output_text function function_call function_call_output message
        reasoning tool_use tool_result thinking redacted_thinking image document ephemeral custom
        base64 url object string number integer boolean array null json_schema json_object
        input_image input_file input_audio file enabled disabled adaptive auto any tool none
        """.split()
    ),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What an API format knows of its body."""

    # Keys whose container starts with this role, wherever they stand.
    keys: Mapping[str, Role]
    # Containers with a sibling key that names the speaker: values of "role" -> Role.
    speakers: Mapping[str, Role] = field(default_factory=dict)
    # Values of "type" that give their block a role of its own.
    types: Mapping[str, Role] = field(default_factory=dict)
    # Top-level keys that may stand only once.
    once: frozenset[str] = frozenset({"model", "messages", "stream"})
    # Whether a scalar is signed or opaque, given its key and its block's type.
    opaque: Callable[[str, str | None], bool] = lambda _key, _type: False
    default: Role = Role.METADATA


@dataclass(slots=True)
class Reading:
    """What a body gave."""

    segments: list[Segment]
    uninspectable: list[Uninspectable]
    model: str | None = None
    stream: bool = False


@dataclass(slots=True)
class _Block:
    role: Role
    type: str | None


def read_tree(tree: Tree, data: bytes, shape: Shape, *, offset: int = 0, prefix: str = "") -> Reading:
    """Segments of one JSON document that lies at ``offset`` of the body. Linear in its scalars."""
    _refuse_ambiguity(tree, shape)
    reading = Reading([], [])
    facts = _stated(tree)
    blocks: dict[int, _Block] = {}
    for scalar in tree.scalars:
        container = scalar.container
        block = _block(container, shape, facts, blocks)
        key = scalar.key if isinstance(scalar.key, str) else _nearest_key(container)
        if container is not None and container.parent is None and scalar.kind is not Kind.KEY:
            if key == "model" and scalar.kind is Kind.STRING:
                reading.model = scalar.text
            elif key == "stream":
                reading.stream = scalar.text == "true"
        if _is_structural(scalar):
            continue
        if scalar.kind is Kind.STRING and len(scalar.text) >= media.MIN_LENGTH:
            blob = media.look(scalar, data)
            if blob is not None:
                if isinstance(blob, Uninspectable):
                    reading.uninspectable.append(blob)
                else:
                    reading.segments.append(
                        Segment(
                            blob.text,
                            block.role,
                            scalar.path,
                            BODY,
                            blob.start + offset,
                            blob.end + offset,
                            "base64",
                        )
                    )
                continue
        role = block.role
        if isinstance(scalar.key, str) and scalar.key in shape.keys and scalar.kind is not Kind.KEY:
            role = shape.keys[scalar.key]
        place = scalar.path if scalar.kind is not Kind.KEY else f"{scalar.path} (key)"
        reading.segments.append(
            Segment(
                text=scalar.text,
                role=role,
                place=prefix + place,
                part=BODY,
                start=scalar.start + offset,
                end=scalar.end + offset,
                codec="json_number" if scalar.kind is Kind.NUMBER else "json_string",
                editable=scalar.kind is Kind.KEY or not shape.opaque(key or "", block.type),
            )
        )
    return reading


def _is_structural(scalar: Scalar) -> bool:
    if scalar.kind is Kind.LITERAL or not scalar.text:
        return True
    if scalar.kind is Kind.NUMBER:
        return sum(char.isdigit() for char in scalar.text) < MIN_DIGITS
    if scalar.kind is Kind.KEY:
        return scalar.text in STRUCTURAL_KEYS
    known = _STRUCTURAL_VALUES.get(scalar.key) if isinstance(scalar.key, str) else None
    return known is not None and scalar.text in known


def _stated(tree: Tree) -> dict[tuple[int, str], str]:
    """What each container says of its role and type, wherever among its members it says it."""
    return {
        (id(scalar.container), scalar.key): scalar.text
        for scalar in tree.scalars
        if scalar.kind is Kind.STRING and (scalar.key == "role" or scalar.key == "type")
    }


def _block(
    container: Container | None, shape: Shape, facts: Mapping[tuple[int, str], str], blocks: dict[int, _Block]
) -> _Block:
    if container is None:
        return _Block(shape.default, None)
    missing: list[Container] = []
    node: Container | None = container
    while node is not None and id(node) not in blocks:
        missing.append(node)
        node = node.parent
    block = blocks[id(node)] if node is not None else _Block(shape.default, None)
    for step in reversed(missing):
        role, kind = block.role, block.type
        if isinstance(step.key, str) and step.key in shape.keys:
            role = shape.keys[step.key]
        said = facts.get((id(step), "type"))
        if said is not None:
            kind = said
            role = shape.types.get(said, role)
        speaker = facts.get((id(step), "role"))
        if speaker is not None and shape.speakers:
            role = shape.speakers.get(speaker, Role.USER)
        block = _Block(role, kind)
        blocks[id(step)] = block
    return block


def _nearest_key(container: Container | None) -> str | None:
    while container is not None:
        if isinstance(container.key, str):
            return container.key
        container = container.parent
    return None


def _refuse_ambiguity(tree: Tree, shape: Shape) -> None:
    """Two values under a key that decides who speaks or which model answers: which one would count?"""
    for container, key in tree.duplicates:
        if key in ("role", "type") or (container.parent is None and key in shape.once):
            raise WireError(400, "duplicate_key", f"The key {key!r} stands twice in one object.")
