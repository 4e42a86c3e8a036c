"""Personal data that one expression does not describe: detectors made by hand, each a module of its own.

Each locates by something cheap (an @, a word such as "Street", a run of digits) and judges what stands
there. What has a shape and at most a checksum is a rule in ``policies/detectors/pii.yaml`` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match, PatternDetector, Text
from outgate.dlp.scanner import Window


def detectors(config: DetectorConfig) -> list[PatternDetector]:
    """Those whose entity is wanted. Of others not even the module is loaded: its expressions take long to compile."""
    made: list[PatternDetector] = []
    if "STREET_ADDRESS" in config.entities:
        from outgate.dlp.personal.address_labels import LabelledAddressDetector
        from outgate.dlp.personal.addresses import AddressDetector
        from outgate.dlp.personal.addresses_abroad import AddressAbroadDetector
        from outgate.dlp.personal.addresses_overseas import AddressOverseasDetector

        made += (
            AddressDetector(),
            AddressAbroadDetector(),
            AddressOverseasDetector(),
            LabelledAddressDetector(),
        )
    if "CREDIT_CARD" in config.entities:
        from outgate.dlp.personal.cards import CardDetector

        made.append(CardDetector())
    if "IBAN_CODE" in config.entities:
        from outgate.dlp.personal.iban import IbanDetector

        made.append(IbanDetector())
    if config.entities & {"EMAIL_ADDRESS", "IP_ADDRESS", "URL"}:
        from outgate.dlp.personal.internet import EmailDetector, IpDetector
        from outgate.dlp.personal.urls import UrlDetector

        made += EmailDetector(), IpDetector(), UrlDetector()
    if "DATE_OF_BIRTH" in config.entities:
        from outgate.dlp.personal.births import BirthDetector

        made.append(BirthDetector())
    return [_Sure(detector) for detector in made if detector.entities & config.entities]


class _Sure:
    """A detector without what scores less than its entity's least."""

    def __init__(self, detector: PatternDetector) -> None:
        self.name = detector.name
        self.entities = detector.entities
        self.expressions = detector.expressions
        self._detector = detector
        self._least = {name: entities.catalogue()[name].min_score for name in detector.entities}

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        for match in self._detector.judge(text, which, windows):
            if match.score >= self._least[match.entity]:
                yield match
