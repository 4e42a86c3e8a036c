"""What was recorded, told to people who decide: from the audit log to a report, and to a policy that it suggests.

``counts`` adds up events in one pass, ``assess`` makes of that what a security or privacy officer needs to know,
``page`` shows it. ``replay`` and ``suggest`` ask what another policy would have done. Reads alone, knows nothing of
traffic, and has no value to tell: the log has none. People are counted, and named only where that is asked for.
"""

from outgate.reports.error import ReportError

__all__ = ["ReportError"]
