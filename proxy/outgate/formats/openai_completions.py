"""OpenAI completions and embeddings (OpenAI API reference, "Create completion", "Create embeddings")."""

from __future__ import annotations

from outgate.formats.shape import PLAIN, USER, Place
from outgate.model import Role

COMPLETIONS = Place(Role.METADATA, members={"model": PLAIN, "stream": PLAIN, "prompt": USER, "suffix": USER})
EMBEDDINGS = Place(Role.METADATA, members={"model": PLAIN, "stream": PLAIN, "input": USER})
