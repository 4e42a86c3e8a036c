"""``outgate`` and ``python -m outgate``."""

from __future__ import annotations

from outgate.cli import main

if __name__ == "__main__":
    main()
