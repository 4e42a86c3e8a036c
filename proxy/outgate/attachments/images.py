"""Images: their text, read by Tesseract where it is installed, and the words that stand in the file as such.

Tesseract is given the image on its standard input and answers on its standard output; nothing is written
to a disk. What it does not know for an image it takes for a list of files to open, so it is given nothing
but what begins as an image does.
"""

from __future__ import annotations

import re
import struct
import subprocess
from typing import TYPE_CHECKING

from outgate.attachments.opening import Opening, StoppedError, below
from outgate.formats import plain

if TYPE_CHECKING:
    from outgate.attachments.opening import Reader

_LEAST = 12  # pixels of height and width that a letter needs
_WORDS = re.compile(rb"[\x20-\x7e]{16,}|(?:[\x20-\x7e]\x00){8,}")  # shorter ones come about by chance
_PNG_SIZE = struct.Struct(">II")
# One thread: others are served at the same time.
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C"}


def legible(width: int, height: int) -> bool:
    """Whether an image of so many pixels can show a word."""
    return width >= 2 * _LEAST and height >= _LEAST


def portable(pixels: bytes, width: int, height: int, bits: int, channels: int) -> bytes | None:
    """Raw pixels as a portable anymap (Netpbm's pgm and ppm); None for those that are no such thing."""
    if bits != 8 or channels not in (1, 3) or len(pixels) < width * height * channels:
        return None
    return (
        b"P%d\n%d %d\n255\n" % (5 if channels == 1 else 6, width, height)
        + pixels[: width * height * channels]
    )


def read(content: bytes, at: str, opening: Opening) -> None:
    """The text that an image shows and holds. Raises StoppedError."""
    words = b"\n".join(_WORDS.findall(content)).replace(b"\0", b"")
    opening.say(below(at, "metadata"), words.decode("ascii"))
    kind = plain.media_type(content[:64])
    if kind == "image/png" and not legible(*_PNG_SIZE.unpack(content[16:24].ljust(8, b"\xff"))):
        return
    program = opening.config.ocr
    if program is None:
        raise StoppedError("no_ocr")
    opening.image()
    command = [program, "stdin", "stdout", "-l", "+".join(opening.config.languages)]
    try:
        done = subprocess.run(  # noqa: S603 - the program that an administrator has installed
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            timeout=opening.seconds_left(),
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise StoppedError("timed_out") from None
    except (subprocess.CalledProcessError, OSError):
        raise StoppedError("broken") from None
    opening.say(at, done.stdout.decode("utf-8", "replace"))


READERS: dict[str, Reader] = {"image": read}
