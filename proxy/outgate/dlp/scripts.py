"""Scripts of the world, as far as how they are written tells where a word or a value ends."""

from __future__ import annotations

#: One letter of a script that puts no blanks between words (Thai, Chinese, Japanese), or none before what is added to
#: a word (Korean): a value in Latin letters may stand right beside it.
SOLID = r"[\u0e00-\u0eff\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"
