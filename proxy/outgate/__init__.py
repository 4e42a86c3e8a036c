"""Outgate: an egress-filtering forward proxy for LLM API traffic."""

__version__ = "0.1.0"
