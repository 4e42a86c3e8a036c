"""Seeing through disguise: what a text says once encodings, escapes and look-alikes are undone.

``views`` gives every reading of a text that differs from the text itself, each with a map back: the
characters of the original that an edit has to replace. Detectors read the views as they read the text.

Normalised first (``normalise``), then runs of base64 and hexadecimal digits (``base64_runs``, ``hex_runs``)
and escapes (``escapes``) of what that shows, then those of what they show, to a depth. Whatever a bound
kept from being read is told by ``Views.exhausted``. Knows no detectors and no policy.

Not undone: ciphers, reversed or spaced-out letters, leetspeak, words wholly in look-alikes of another
alphabet with no ASCII character in them; base64 of fewer than 15 characters, with blanks within a line or
in lines of fewer than 15; base85, uuencode, UTF-7, octal escapes, lists of decimal codes; compressions other
than gzip and zlib; bits spelt with zero-width characters; text in binary data of which it is less than
three quarters.
"""

from __future__ import annotations

from outgate.dlp.disguise.views import Exhausted, View, Views, views

__all__ = ["Exhausted", "View", "Views", "views"]
