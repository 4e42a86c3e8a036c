"""Copies of the log on other machines: what this machine's log has is sent on, and never before it is in it.

``forwarder`` reads the log and remembers how far a sink has come; ``syslog``, ``otlp`` and ``postgres`` know one
protocol each. Knows nothing of the gateway that writes the log.
"""

from outgate.audit.remote.forwarding import Forwarding

__all__ = ["Forwarding"]
