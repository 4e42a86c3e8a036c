"""The texts of a file that is scanned: itself, or what is in it where it is a document, an archive or an image."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from outgate.attachments import Extracted, ExtractionError, Gap
from outgate.attachments.config import ExtractorConfig
from outgate.attachments.extractor import Extractor
from outgate.attachments.kinds import kinds_of

Texts = Callable[[Path], list[tuple[str, str]]]  # a file's texts, each with its place within the file


@contextmanager
def reading(config: ExtractorConfig, skipped: list[tuple[Path, str]]) -> Iterator[Texts]:
    """What gives the texts of one file after the other. What of one cannot be read is added to ``skipped``.

    The texts' places are ``""`` for a file that is a text itself. Raises OSError.
    """
    with asyncio.Runner() as runner:
        extractor = Extractor(config)

        def texts(file: Path) -> list[tuple[str, str]]:
            content = file.read_bytes()
            kinds = kinds_of(content)
            own = [] if kinds and kinds != ("mail",) else [("", content.decode("utf-8", "surrogateescape"))]
            if not kinds:
                return own
            try:
                found = runner.run(_extracted(extractor, content))
            except ExtractionError as error:
                skipped.append((file, error.reason.replace("_", " ")))
                return own
            skipped.extend((file, _told(gap)) for gap in found.gaps)
            return own + [(passage.label, passage.text) for passage in found.passages]

        try:
            yield texts
        finally:
            runner.run(extractor.close())


async def _extracted(extractor: Extractor, content: bytes) -> Extracted:
    return (await extractor.extract([content]))[0]


def _told(gap: Gap) -> str:
    reason = gap.reason.replace("_", " ")
    return f"in part: {reason}" if gap.label else reason
