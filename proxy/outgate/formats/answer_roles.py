"""Whose words a string of an answer is: the model's, or a call's of a tool."""

from __future__ import annotations

from outgate.formats.answers import Stretch
from outgate.model import Role

# Members that hold what a tool is called with, in the formats of ``answer_tables`` (whose sources these are).
_CALLS = frozenset(
    "tool_calls function_call functionCall input args partialArgs arguments partial_json toolUse".split()
)


def role(stretch: Stretch) -> Role:
    """By where it stands."""
    calls = stretch.source or not _CALLS.isdisjoint(stretch.path)
    return Role.TOOL_CALL if calls else Role.ASSISTANT
