"""What one of several workers may use of what the settings give to all of them."""

from __future__ import annotations

from outgate.settings import Settings

# Section -> what of it is divided. A bound of one request stays what it is; one of all requests is shared.
_DIVIDED = {
    "detection": ("workers", "queue_limit", "cache"),
    "attachments": ("workers", "queue_limit", "cache"),
    "vault": ("cache",),
    "limits": ("connections", "client_connections", "requests", "buffered"),
}


def share_of(settings: Settings, workers: int) -> Settings:
    """The settings of one of so many. Every share is rounded up, and no buffer is too small for one body."""
    changed = {}
    for section, names in _DIVIDED.items():
        given = getattr(settings, section)
        shares = {name: -(-getattr(given, name) // workers) for name in names}
        if section == "limits":
            shares["buffered"] = max(shares["buffered"], min(given.body, given.buffered))
        changed[section] = given.model_copy(update=shares)
    return settings.model_copy(update=changed)
