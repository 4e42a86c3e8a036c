"""Where the proxy's own pages are: at a name that is nobody's, and that only the proxy answers to."""

from __future__ import annotations

from typing import Final

# Below .internal, which ICANN keeps out of the root for private use: no name server of the Internet knows it.
HOST: Final = "outgate.internal"
ORIGIN: Final = f"http://{HOST}"
WHY: Final = "/why/"  # what a reference stands behind
COMMAND: Final = "outgate why "  # the same where there are no pages
