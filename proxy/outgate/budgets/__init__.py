"""Budgets: who has used how much, counted where all processes that share a budget can see it.

``Ledger`` is the door. It knows windows, counters and stores, and nothing of policies: which budget counts for whom is
told to it as a counter's name, a keyed hash, so that no store holds a name of a person, a group or a model.
"""

from outgate.budgets.config import BudgetConfig
from outgate.budgets.errors import BudgetError
from outgate.budgets.ledger import PATIENCE, Demand, Ledger, Standing, counter, key_of
from outgate.budgets.store import Ask

__all__ = [
    "PATIENCE",
    "Ask",
    "BudgetConfig",
    "BudgetError",
    "Demand",
    "Ledger",
    "Standing",
    "counter",
    "key_of",
]
