"""What a blocked person is told: the rule's message with its ``{fields}`` filled in.

Owns which fields there are. A template is taken apart at load, so that an unknown field is an error
in the policy and never in an answer; nothing of ``str.format`` is used, which would reach into
attributes. What the client itself has sent (a model's name) is shortened and made printable, and
nothing that was found is ever a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from outgate.model import Facts
from outgate.policy.error import near_miss

MAX_VALUE = 100  # characters of one field
_FIELD = re.compile(r"\{([^{}]*)\}")

FIELDS: Mapping[str, Callable[[Facts], str | None]] = {
    "provider.id": lambda facts: facts.provider.id,
    "provider.name": lambda facts: facts.provider.name,
    "provider.operator": lambda facts: facts.provider.operator,
    "provider.jurisdiction": lambda facts: facts.provider.jurisdiction,
    "provider.category": lambda facts: facts.provider.category,
    "region": lambda facts: facts.region,
    "model": lambda facts: facts.model,
    "model.origin": lambda facts: facts.model_origin,
    "host": lambda facts: facts.host,
    "method": lambda facts: facts.method,
    "identity.user": lambda facts: facts.identity.user,
    "identity.device": lambda facts: facts.identity.device,
    "account": lambda facts: ", ".join(map(str, facts.accounts)) or None,
    "reference": lambda facts: facts.reference,
    "why_url": lambda facts: facts.why_url,
}
# Known to the rule and the policy rather than to the exchange.
OWN_FIELDS = frozenset({"rule", "entities", "help_url"})
# Known to a budget alone: what is used up, how long it lasts, when it begins anew.
BUDGET_FIELDS = frozenset({"limit", "window", "resets"})


@dataclass(frozen=True, slots=True)
class Message:
    """A template: text and field names in turn, beginning with text."""

    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, template: str, further: frozenset[str] = frozenset()) -> Message:
        """Take a template apart; ValueError names the first field that there is not.

        ``further``: fields besides those of every message.
        """
        known = FIELDS.keys() | OWN_FIELDS | further
        pieces = _FIELD.split(template)
        for name in pieces[1::2]:
            if name not in known:
                hint = near_miss(name, known) or f"one of {', '.join(sorted(known))}"
                raise ValueError(f"{{{name}}} is not a field of messages: {hint}")
        for text in pieces[::2]:
            if "{" in text or "}" in text:
                raise ValueError("a brace without its partner: fields are written {provider.name}")
        return cls(tuple(pieces))

    @property
    def says_where(self) -> bool:
        """Whether it leads to the page where a reason can be given."""
        return "why_url" in self.pieces[1::2]

    def fill(
        self, facts: Facts, *, rule: str, entities: Iterable[str] = (), help_url: str = "", **further: str
    ) -> str:
        """The text for one exchange. What is not known reads as ``unknown``."""
        own = {"rule": rule, "entities": ", ".join(sorted(set(entities))), "help_url": help_url, **further}
        filled = [
            piece if position % 2 == 0 else own[piece] if piece in own else _shown(FIELDS[piece](facts))
            for position, piece in enumerate(self.pieces)
        ]
        return "".join(filled)


def _shown(value: str | None) -> str:
    if not value:
        return "unknown"
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in value[:MAX_VALUE]
    )
    return text + ("…" if len(value) > MAX_VALUE else "")


DEFAULT = Message.parse('Your organisation\'s policy does not allow this request (rule "{rule}").')
DEFAULT_FOUND = Message.parse(
    'Your organisation\'s policy does not allow this request (rule "{rule}"): it holds {entities}.'
)
DEFAULT_COACH = Message.parse(
    'Your organisation asks you to think twice (rule "{rule}"): this request holds {entities}.'
)
# After what a coaching rule says, unless that leads there itself.
HOW_TO_GO_ON = Message.parse(
    ' If it may leave all the same, say why ({why_url}, or: outgate justify {reference} --reason "..."), '
    "and send it again."
)
DEFAULT_ANSWER = Message.parse(
    'Your organisation\'s policy does not let this answer through (rule "{rule}"): it holds {entities}.'
)
DEFAULT_ACCOUNT = Message.parse(
    "Your organisation allows only its own accounts at {provider.name}. This request uses another, or does not say "
    "whose it is ({account})."
)
DEFAULT_UNINSPECTABLE = Message.parse(
    "Your organisation's policy does not let out files whose content cannot be inspected."
)
DEFAULT_BUDGET = Message.parse(
    'Your organisation\'s budget "{rule}" is used up: {limit} per {window}. It begins anew at {resets}.',
    BUDGET_FIELDS,
)
