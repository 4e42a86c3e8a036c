"""Decisions become bytes: the edits to an exchange, and the records that audit and metrics may keep.

Knows the raw bytes and what was decided. Does not know how a value was found, why a rule chose its
action, or who will forward the result.
"""
