"""The mitmproxy face of the house."""

import os

# Read when mitmproxy is imported, by whichever module of this room is first: it would log every session key.
os.environ.pop("SSLKEYLOGFILE", None)
os.environ.pop("MITMPROXY_SSLKEYLOGFILE", None)
