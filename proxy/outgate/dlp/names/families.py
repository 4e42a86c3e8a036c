"""Family names that are ordinary words, too."""

from __future__ import annotations

from collections.abc import Sequence

from outgate.dlp.names.words import cue_set, words

# How words end that are nobody's family name.
_NO_FAMILY = ("ed", "ing", "ion", "ions", "ity", "ness", "ment", "ments", "ly", "ies", "able", "al", "ive")


def is_plain_family(own: Sequence[str], label: str) -> bool:
    """Whether an ordinary word is the family name behind a given name that is nothing else: "Rhiannon Castle"."""
    if len(own) != 2 or label == "LOCATION" or not own[1][1:].islower():
        return False
    lists = words()
    given, family = own[0].lower(), own[1].lower()
    others = (lists.surnames, lists.places, lists.software, lists.ordinary)
    if given not in lists.given or any(given in other for other in others):
        return False
    if family in lists.never or family in lists.software or family in cue_set("organisation_kinds"):
        return False
    return family in lists.nameless and not family.endswith(_NO_FAMILY)
