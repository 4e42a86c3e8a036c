"""One file as it is being opened: what was read so far, and what may still be.

Runs in the child process of ``worker``. A module a kind of file does the reading, and comes back here for
whatever it finds inside. What stops a reader is a gap at that place, and all else goes on.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Mapping

from outgate.attachments import Extracted, Gap, Passage, Reason
from outgate.attachments.config import ExtractorConfig
from outgate.attachments.kinds import kinds_of
from outgate.formats import plain

Reader = Callable[[bytes, str, "Opening"], None]

_MODULES: Mapping[str, str] = {
    "pdf": "pdf",
    "zip": "packages",
    "tar": "archives",
    "gzip": "archives",
    "bzip2": "archives",
    "xz": "archives",
    "zstd": "archives",
    "mail": "mail",
    "image": "images",
}
_MOST_GAPS = 100  # that are told one by one
# A name that a client chose is told when it is plainly a name; else there is the number.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}(?:\.[a-z0-9]{1,5})?", re.ASCII)
_MOST_DIGITS = 4  # a name with more of them is somebody's identifier


class StoppedError(Exception):
    """Reading ends here, for a reason that can be told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def load() -> None:
    """Import every reader and the libraries it uses."""
    for name in _MODULES.values():
        importlib.import_module(f"outgate.attachments.{name}")


def read(content: bytes, config: ExtractorConfig, seconds: float) -> Extracted:
    """All that can be read of a file within ``seconds``. Raises nothing that its bytes bring about."""
    opening = Opening(config, seconds)
    opening.open(content, "", own_text=True)
    kind = (kinds_of(content) or ("unknown",))[0]
    kind = opening.kind if kind == "zip" and opening.kind else kind
    return Extracted(kind, tuple(opening.passages), tuple(opening.gaps))


class Opening:
    """The reading of one file, with all that is in it."""

    def __init__(self, config: ExtractorConfig, seconds: float) -> None:
        self.config = config
        self.passages: list[Passage] = []
        self.gaps: list[Gap] = []
        self.kind = ""  # what a ZIP archive turned out to be, where it is the file itself
        limits = config.limits
        self._until = time.monotonic() + seconds
        self._text = limits.text
        self._expanded = limits.expanded
        self._members = limits.members
        self._images = limits.images
        self._depth = 0
        self._said: set[str] = set()

    # --- what readers call -------------------------------------------------------------------

    def say(self, at: str, text: str) -> None:
        """A text was read; said twice, it counts where it was first.

        Raises StoppedError when there is too much of it, or no time left.
        """
        self.seconds_left()
        if not text.strip() or text in self._said:
            return
        self._said.add(text)
        self._text -= len(text)
        if self._text < 0:
            raise StoppedError("too_large")
        self.passages.append(Passage(at, text))

    def miss(self, at: str, media_type: str, size: int, reason: Reason) -> None:
        """Something was not read."""
        if len(self.gaps) < _MOST_GAPS:
            self.gaps.append(Gap(at, media_type, size, reason))

    def open(self, content: bytes, at: str, *, own_text: bool = False) -> None:
        """Read a file that was found inside another, or the file itself. What goes wrong is a gap.

        ``own_text``: what it says as a text was read by whoever gave it to us.
        """
        if self._depth >= self.config.limits.depth:
            self.miss(at, "", len(content), "too_large")
            return
        self._depth += 1
        try:
            self.guarded(lambda: self._read(content, at, own_text), at, len(content))
        finally:
            self._depth -= 1

    def guarded(self, work: Callable[[], None], at: str, size: int, media_type: str = "") -> None:
        """Do ``work``; what stops it is a gap at ``at``."""
        try:
            work()
        except StoppedError as stopped:
            self.miss(at, media_type, size, stopped.reason)
        except MemoryError:
            self.miss(at, media_type, size, "too_large")
        except Exception:  # a library's, at bytes that are made to bring it about
            self.miss(at, media_type, size, "broken")

    def member(self) -> None:
        """One more file or part inside. Raises StoppedError when there are too many."""
        self.seconds_left()
        self._members -= 1
        if self._members < 0:
            raise StoppedError("too_large")

    def image(self) -> None:
        """One more image to look at. Raises StoppedError when there are too many."""
        self._images -= 1
        if self._images < 0:
            raise StoppedError("too_large")

    def spend(self, size: int) -> None:
        """So many bytes were unpacked. Raises StoppedError when it is too much."""
        self._expanded -= size
        if self._expanded < 0:
            raise StoppedError("too_large")

    @property
    def room(self) -> int:
        """How many bytes may still be unpacked."""
        return self._expanded

    @property
    def outermost(self) -> bool:
        """Whether it is the file itself that is being read."""
        return self._depth == 1

    def seconds_left(self) -> float:
        """Raises StoppedError when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise StoppedError("timed_out")
        return left

    # --- inside ------------------------------------------------------------------------------

    def _read(self, content: bytes, at: str, own_text: bool) -> None:
        self.seconds_left()
        kinds = kinds_of(content)
        for kind in kinds:
            module = importlib.import_module(f"outgate.attachments.{_MODULES[kind]}")
            self.guarded(lambda read=module.READERS[kind]: read(content, at, self), at, len(content))  # type: ignore[misc]
        if own_text:
            if not kinds:
                self.miss(at, "", len(content), "unknown")
            return
        found = plain.read(content)
        if found.text and (found.codec is not None or not kinds):
            self.say(at, found.text)
        if not kinds and found.media_type is not None:
            self.miss(at, found.media_type, len(content), "unknown")


def below(at: str, step: str) -> str:
    """The label of a place inside another."""
    return f"{at}, {step}" if at else step


def named(word: str, name: str, number: int) -> str:
    """A step of a label: ``sheet Payroll`` where the name is plainly one, else ``sheet 2``."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    plainly = _NAME.fullmatch(last) and sum(map(str.isdigit, last)) <= _MOST_DIGITS
    return f"{word} {last if plainly else number}"
