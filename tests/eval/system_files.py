"""Text that is on most machines, as more benign text: Python's library, licences, man pages, JavaScript.

It differs from machine to machine, and it names its authors, so its figures stand apart, have no floors, and
are an upper bound: some of what is found there is right.
"""

from __future__ import annotations

import gzip
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from .document import Document

_PIECE = 6000  # code points of one document
_SOURCES = {
    "python library": (sysconfig.get_path("stdlib"), "**/*.py", ".py"),
    "licences": ("/usr/share/common-licenses", "*", ".txt"),
    "man pages": ("/usr/share/man", "man*/*", ".txt"),
    "javascript": (sysconfig.get_path("purelib"), "**/*.js", ".js"),
}


def system_files(budget: int) -> Iterator[Document]:
    """Pieces of files, about ``budget`` bytes, as much of each kind as of the others."""
    for kind, (folder, pattern, suffix) in _SOURCES.items():
        files = [file for file in sorted(Path(folder).glob(pattern)) if _is_wanted(file)]
        random.Random(kind).shuffle(files)
        left = budget // len(_SOURCES)
        for file in files:
            text = _read(file)
            if left <= 0:
                break
            if not text:
                continue
            start = random.Random(file.name).randrange(max(1, len(text) - _PIECE))
            piece = text[start : start + _PIECE]
            left -= len(piece.encode())
            yield Document(f"system/{file.name}", kind, piece, suffix=suffix, benign=True, system=True)


def _is_wanted(file: Path) -> bool:
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "__pycache__"}
    inside = file.parts[len(Path(sysconfig.get_path("stdlib")).parts) :] if file.suffix == ".py" else ()
    return file.is_file() and not file.is_symlink() and not skipped & set(inside)


def _read(file: Path) -> str:
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        return data.decode("utf-8")
    except (OSError, ValueError, EOFError):
        return ""
