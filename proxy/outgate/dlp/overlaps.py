"""Which of several matches on the same characters stands.

Knows matches and ranks of entities, nothing of how a match was found. The resolution: the surer class
first, then the longest, then what says whose it is (a GITHUB_TOKEN, not a GENERIC_SECRET), then the highest score,
then that of a country whose numbers are looked for by default, then the entity's name. Classes, surest first:

0. secrets, and the entities a policy brings its own patterns or words for;
1. personal data with a score of at least one half;
2. weaker matches, names from a model, and URLs, which have other values inside them.

So a credential in a URL's query is a credential, and a well-formed identity number is not hidden by
a longer run of digits that might be a telephone number. What a match that lost covers beyond the ones
that stand stays a match of its own: no character that any detector found is let go. A match of the
same entity that lost lends the winner its score, and so does one of a secret that does not say whose it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match

SECRET, PERSONAL, WEAK = 0, 1, 2
_SURE = 0.5
_WRAPPERS = frozenset({"URL"})
# Found by a name or a place alone: any secret may stand there.
_UNTOLD = frozenset({"GENERIC_SECRET", "PASSWORD", "BEARER_TOKEN", "SESSION_COOKIE"})


class Ranks:
    """The class of each entity, in one configuration."""

    def __init__(self, config: DetectorConfig) -> None:
        own = entities.brought(config)
        groups = entities.groups()
        self._secrets = own | groups.get("secrets", frozenset())
        self._weak = (entities.named(entities.known(config)) | _WRAPPERS) - own

        facts = entities.catalogue().values()
        self._far = {fact.name for fact in facts if fact.country not in (None, *entities.DEFAULT_LOCALES)}

    def far(self, entity: str) -> bool:
        """Whether it is of a country whose numbers only those look for who say so."""
        return entity in self._far

    def of(self, entity: str, score: float = 1.0) -> int:
        """0 is surest."""
        if entity in self._secrets:
            return SECRET
        return WEAK if score < _SURE or entity in self._weak else PERSONAL


def resolve(text: str, matches: Sequence[Match], ranks: Ranks) -> list[Match]:
    """``matches`` without overlaps, by position. Time is that of sorting them."""
    if len(matches) < 2:
        return list(matches)
    standing: list[Match] = []
    for group in _clusters(sorted(matches)):
        standing.extend(group if len(group) == 1 else _settle(text, group, ranks))
    return standing


def _clusters(matches: list[Match]) -> Iterator[list[Match]]:
    """Runs of matches that overlap, directly or through others."""
    cluster: list[Match] = []
    end = 0
    for match in matches:
        if cluster and match.start >= end:
            yield cluster
            cluster = []
            end = 0
        cluster.append(match)
        end = max(end, match.end)
    if cluster:
        yield cluster


def _settle(text: str, cluster: list[Match], ranks: Ranks) -> list[Match]:
    starts: list[int] = []
    standing: list[Match] = []
    order = sorted(
        cluster,
        key=lambda m: (
            ranks.of(m.entity, m.score),
            m.start - m.end,
            m.entity in _UNTOLD,
            -m.score,
            ranks.far(m.entity),
            m.entity,
            m.start,
            m.detector,
        ),
    )
    for match in order:
        for piece in _beyond(match, starts, standing):
            if piece is match or _says_something(text, piece):
                index = bisect_left(starts, piece.start)
                starts.insert(index, piece.start)
                standing.insert(index, piece)
    return standing


def _beyond(match: Match, starts: list[int], standing: list[Match]) -> list[Match]:
    """What ``match`` covers that none of ``standing`` (by position, without overlaps) does."""
    index = bisect_left(starts, match.start)
    if index and standing[index - 1].end > match.start:
        index -= 1
    first = index
    pieces: list[Match] = []
    position = match.start
    while index < len(standing) and standing[index].start < match.end:
        winner = standing[index]
        if winner.start > position:
            pieces.append(match._replace(start=position, end=winner.start))
        position = winner.end
        if winner.score < match.score and (
            winner.entity == match.entity
            or (match.entity in _UNTOLD and (match.start, match.end) == (winner.start, winner.end))
        ):
            standing[index] = winner._replace(score=match.score)
        index += 1
    if index == first:
        return [match]
    if position < match.end:
        pieces.append(match._replace(start=position))
    return pieces


def _says_something(text: str, piece: Match) -> bool:
    """Two letters or digits at least: a bracket or a blank left over is no value."""
    return sum(map(str.isalnum, text[piece.start : piece.end])) >= 2
