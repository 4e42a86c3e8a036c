"""What to do with what is found: policies as data, read from YAML, checked, and asked.

``load`` makes a ``Policy`` of files or raises ``PolicyError``; ``Policy.gate`` and ``Policy.judge``
say what is to happen to an exchange (the order of rules is told in ``decide``). Knows nothing of
bytes, of how anything is found, or of how an edit is made.
"""

from outgate.policy.decide import Policy
from outgate.policy.error import PolicyError, Problem
from outgate.policy.load import load

__all__ = ["Policy", "PolicyError", "Problem", "load"]
