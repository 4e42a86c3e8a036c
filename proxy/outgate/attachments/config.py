"""How attachments are read: bounds, and what a child process may use. Made of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one file, at most."""

    size: int = 32 * 2**20  # bytes of the file
    expanded: int = 256 * 2**20  # bytes of everything that is packed in it, unpacked
    text: int = 8 * 2**20  # code points
    members: int = 10_000  # files in archives, parts of office files
    depth: int = 5  # of files within files
    images: int = 50  # that are looked at for text

    def __post_init__(self) -> None:
        if min(self.size, self.expanded, self.text, self.members, self.depth) < 1:
            raise ValueError("a limit is at least 1")


@dataclass(frozen=True, slots=True)
class ExtractorConfig:
    """An extractor as it is to be."""

    limits: Limits = Limits()
    workers: int = 1
    deadline: float = 20.0  # seconds for all attachments of one request, waiting included
    queue_limit: int = 64  # requests that wait, at most
    memory: int = 2**30  # bytes of address space for the process that reads one file
    cache: int = 64 * 2**20  # bytes, about, of extracted texts that may come again; 0: none
    ocr: str | None = None  # path of the tesseract program; None: images are not read
    languages: tuple[str, ...] = ("eng",)  # Tesseract's names of them
