"""Templates and seeds to documents: the gold corpus, and the benign one by volume."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .document import Document, Set
from .fields import DocumentFields
from .template import Template, load, render

TEMPLATES = Path(__file__).parent / "templates"
COPIES = 10  # of a template whose header says nothing of times=
BENIGN_BYTES = 2_300_000
# English first. Where a template says nothing, these write it; one in five of its people is from elsewhere.
_ENGLISH = ("en_US",) * 5 + ("en_GB",) * 3 + ("en_CA", "en_AU")


@cache
def templates(which: Set) -> tuple[Template, ...]:
    """All templates of a set. Raises TemplateError."""
    return tuple(load(TEMPLATES, which))


def gold(which: Set, size: float = 1.0) -> Iterator[Document]:
    """Documents with sensitive values; ``size`` 1 is what floors are measured on. At least one of each."""
    for template in templates(which):
        if not template.benign:
            for copy in range(max(1, round(COPIES * template.times * size))):
                yield _document(template, which, copy)


def benign(which: Set, size: float = 1.0) -> Iterator[Document]:
    """Documents that hold nothing, each template about as many bytes of UTF-8, times its ``times``."""
    own = [template for template in templates(which) if template.benign]
    share = BENIGN_BYTES * size / sum(template.times for template in own)
    for template in own:
        copy, written = 0, 0
        while written < share * template.times:
            document = _document(template, which, copy)
            copy, written = copy + 1, written + len(document.text.encode())
            yield document


def _document(template: Template, which: Set, copy: int) -> Document:
    # The name of the set is part of the seed, so no value of one is in the other but by chance.
    source = random.Random(f"{which}|{template.id}|{copy}")
    locale = source.choice(template.locales or _ENGLISH)
    fields = DocumentFields(locale, source)
    language = "en" if not template.locales or "prompt" in template.kind else locale[:2]
    return render(template, f"{template.id}/{copy}", language, source, fields)
