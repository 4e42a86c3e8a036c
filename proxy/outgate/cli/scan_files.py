"""Which files of a folder are scanned, and what is told of them: as a table, as JSON, as SARIF."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgate.attachments.kinds import kinds_of

if TYPE_CHECKING:
    from outgate.dlp.detector import Match
    from outgate.model import Finding

LARGEST = 20 * 2**20  # bytes of a file in a folder; a file that is named is read whatever its size
_NOT_ENTERED = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})
_HEAD = 8192  # bytes that tell text from binary, as git does: by a zero byte
_TAIL = 2**16 + 22  # bytes in which an archive says that it is one


def files_of(paths: Iterable[Path], skipped: list[tuple[Path, str]]) -> Iterator[Path]:
    """Every file that is named, and every file below a folder that can be read, in order, each once.

    What is passed over is added to ``skipped`` with the reason. Links are not followed.
    """
    seen: set[Path] = set()
    for path in paths:
        for file in _below(path, skipped) if path.is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _below(folder: Path, skipped: list[tuple[Path, str]]) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED)
        for name in sorted(names):
            file = Path(root, name)
            reason = _unfit(file)
            if reason:
                skipped.append((file, reason))
            else:
                yield file


def _unfit(file: Path) -> str | None:
    try:
        if file.is_symlink() or not file.is_file():
            return "no regular file"
        if file.stat().st_size > LARGEST:
            return f"larger than {LARGEST // 2**20} MiB"
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
            if b"\0" not in head:
                return None
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(_HEAD, size - _TAIL))
            return None if kinds_of(head + stream.read()) else "binary"
    except OSError as error:
        return error.strerror or type(error).__name__


def rows(
    name: str, text: str, matches: Iterable[Match | Finding], place: str = ""
) -> Iterator[dict[str, Any]]:
    """Where in a text its matches (in order) are, never what they are; lines and columns count from 1.

    ``place``: where in the file the text is, when it is not the file itself.
    """
    line, counted = 1, 0
    for match in matches:
        line += text.count("\n", counted, match.start)
        counted = match.start
        yield {
            "file": name,
            **({"place": place} if place else {}),
            "line": line,
            "column": match.start - text.rfind("\n", 0, match.start),
            "start": match.start,
            "end": match.end,
            "entity": match.entity,
            "score": match.score,
        }


def sarif(found: list[dict[str, Any]], version: str) -> str:
    """The rows as a log that code hosts and editors read (SARIF 2.1.0, OASIS)."""
    from outgate.dlp import entities

    titles = {name: entity.title for name, entity in entities.catalogue().items()}
    kinds = sorted({row["entity"] for row in found})
    results = [
        {
            "ruleId": row["entity"],
            "ruleIndex": kinds.index(row["entity"]),
            "level": "error" if row["score"] >= 0.8 else "warning",
            "message": {"text": _message(titles.get(row["entity"], row["entity"]), row)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(row["file"])},
                        "region": {
                            "startLine": row["line"],
                            "startColumn": row["column"],
                            "charOffset": row["start"],
                            "charLength": row["end"] - row["start"],
                        },
                    }
                }
            ],
        }
        for row in found
    ]
    rules = [{"id": kind, "shortDescription": {"text": titles.get(kind, kind)}} for kind in kinds]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Outgate", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2)


def print_table(found: list[dict[str, Any]]) -> None:
    """The rows for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "line", "column", "entity", "score", box=None)
    for row in found:
        file = ", ".join(filter(None, (row["file"], row.get("place"))))
        table.add_row(file, str(row["line"]), str(row["column"]), row["entity"], f"{row['score']:.2f}")
    Console().print(table)


def _message(title: str, row: dict[str, Any]) -> str:
    where = f", {row['place']}" if "place" in row else ""
    return f"{title} (score {row['score']:.2f}{where})"


def _uri(name: str) -> str:
    from urllib.parse import quote

    return quote(Path(name).as_posix(), errors="surrogateescape")
