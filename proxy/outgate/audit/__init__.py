"""The record of every exchange: one event each, and never a value in it.

``event`` says what is kept and makes it fit to be kept; ``log`` takes events without ever holding up
who gives them; ``sqlite`` and ``jsonl`` put them on disk; ``read`` finds them again. Knows nothing
of proxies: it is told of an exchange once it is over.
"""

from outgate.audit.event import AuditEvent
from outgate.audit.log import AuditLog
from outgate.audit.sink import AuditError

__all__ = ["AuditError", "AuditEvent", "AuditLog"]
