"""Policies to a fleet: releases are got, verified, tried and kept, and then judge whom they are meant for.

A **release** is a folder of policy files with a ``release.yaml`` that says which of them are for everybody (stable),
which for some (canary), and which are only asked (shadow). It comes from a folder, a Git repository or a signed bundle.
``puller`` gets the new ones, in one process of a machine; ``store`` keeps them; ``loading`` makes what is kept (or what
the settings name) a ``Lineup``, in every process. Knows nothing of the proxy: when a lineup takes effect is the
gateway's business.
"""

from __future__ import annotations


class RolloutError(Exception):
    """A release that cannot be had or used; ``message`` says what, where and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class KeepingError(RolloutError):
    """Nothing can be kept on this machine."""


class RefusedError(RolloutError):
    """What the source offers was got, and must not be taken."""
