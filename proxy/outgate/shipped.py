"""Where the YAML that ships with Outgate lies: in the wheel, or in the checkout it is run from."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def policies() -> Path:
    """The shipped ``policies/`` folder (default policy, packs, catalogue, detectors)."""
    installed = _PACKAGE / "policies"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "policies"
