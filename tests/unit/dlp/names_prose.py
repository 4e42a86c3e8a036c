"""Prose with its names marked, as people write to assistants; made up, none of it from elsewhere.

``[P Jane Doe]`` is a person, ``[L Lyon]`` a place, ``[O Acme Ltd]`` an organisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from outgate.dlp.detector import Match

PROSE = """
Can you polish this apology to [P Beatrice Halloran]? She waited two hours for us at the gate in [L Lisbon].
My tutor, [P Ignatius Obi], wants the essay on supply chains by Monday, and I have not started.
We have been with [O Northwind Traders] for six years, but [O Brightwater Logistics] is cheaper.
I need talking points for a call with [P Marcus Feldman] of [O Deutsche Bank] about the bridge loan.
After the crash, [P Sofia Lindqvist] was flown to [L Zurich] and treated by [P Henrik Aalto].
[P Chidi Okonkwo] and [P Leila Farahani] will co-chair the panel in [L Nairobi].
Explain to my mother why [O Barclays] froze her account while she was in [L Portugal].
The will leaves the cottage near [L Inverness] to [P Fergus MacAllister] and nothing to [P Morag Sinclair].
Turn these notes into minutes: [P Priya Raman] reported on hiring, [P Tomás Herrera] on costs, and nobody objected.
Is it true that [O Siemens] is closing its site in [L Leeds]? My cousin [P Gareth] works there.
Write a toast for [P Annika] and her new husband. Keep it short.
[P Yuki Tanaka] asked for a window seat on the train from [L Osaka] to [L Kyoto].
I was treated badly by a nurse called [P Brenda Castellano] at [O Mount Sinai Hospital] last week.
Our auditors, [O Hall, Reid and Webb], found that [P Desmond Achebe] had approved his own invoices.
Please tell [P Mrs. Vandenberg] that the piano lessons move to Thursday.
Compare the offers from [O Kestrel Aerospace] and [O Summit Health Group]; both are near [L Denver].
The defendant, [P Raymond Kowalczyk], lived in [L Cleveland] until he was hired by [O Pfizer].
[P Olena Marchenko] fled from [L Kharkiv] with her two children and now teaches physics in [L Gdansk].
How do I tell [P Wei Zhang] that his paper was rejected without discouraging him?
The landlord is [O Oakfield Estates Ltd], represented by [P Nigel Prescott].
Make this sound less angry: [P Samantha], you cannot keep changing the deadline.
[P Dr. Amara Nwosu] recommends a follow-up in six weeks; the patient returns to [L Lagos] in June.
Before joining [O Vodafone], [P Luca Moretti] sold insurance in [L Naples].
The scholarship goes to [P Thandiwe Mokoena] from [L Durban], said [P Professor Whitfield].
Ask [P Rashid] whether [O FedEx] has picked up the samples for the lab in [L Toronto].
Both [P Ingrid Solheim] and the driver, [P Pavel Novak], deny having seen the barrier.
[O Grupo Herrera S.A.] withdrew its bid, so [O Harris and Sons] gets the contract for [L Valencia].
My grandmother [P Eileen] still writes letters to a pen friend in [L New Zealand].
I signed with [O Redwood Analytics] on Friday; [P Joanna Bielecka] will be my manager in [L Warsaw].
Did [P Hugo] ever pay you back for the tickets to [L Copenhagen]?
[P Mohammed Al-Rashid] runs the pharmacy next to the bus station in [L Amman].
The board of [O Tidewater Shipping] asked [P Caroline Westbrook] to resign.
Translate the email that [P Jean-Pierre Lefèvre] sent to [O Carrefour] about the broken freezers.
On the phone, [P Katarzyna] sounded tired; she has been driving between [L Berlin] and [L Poznań] all week.
We spoke to [P Hannah Goldberg], who left [O Morgan Stanley] to open a bakery in [L Vermont].
Nobody at [O St Thomas' Hospital] could find the file of [P Oluwaseun Adeyemi].
It was [P Siobhan Gallagher] who drove [P Declan] to the airport in [L Dublin].
The complaint against [O Ryanair] was filed by [P Matteo Ricci] after he was stranded in [L Athens].
Draft a reference for [P Camille Rousseau]; she interned with us and is applying to [O Stanford University].
[P Ahmed Hassan], [P Fatima Zahra] and [P Omar Haddad] share a flat in [L Birmingham].
""".strip().splitlines()

_MARK = re.compile(r"\[([PLO]) ([^\]]+)\]")
_ENTITIES = {"P": "PERSON", "L": "LOCATION", "O": "ORGANIZATION"}
_TITLES = re.compile(r"(?:Dr|Mrs|Professor)\.? ")

Name = tuple[int, int, str]


def marked(lines: Iterable[str]) -> Iterator[tuple[str, list[Name]]]:
    """Per line the text without marks, and the names in it; a title is no part of one."""
    for line in lines:
        text = ""
        names: list[Name] = []
        end = 0
        for mark in _MARK.finditer(line):
            text += line[end : mark.start()]
            title = _TITLES.match(mark[2])
            first = len(text) + (title.end() if title else 0)
            text += mark[2]
            names.append((first, len(text), _ENTITIES[mark[1]]))
            end = mark.end()
        yield text + line[end:], names


def rates(texts: Sequence[list[Name]], found: Sequence[Iterable[Match]], entity: str) -> tuple[float, float]:
    """Recall and precision of an entity; a match counts when it shares half of what it and the name cover."""
    wanted = hit = said = right = 0
    for names, matches in zip(texts, found, strict=True):
        own = [(start, end) for start, end, kind in names if kind == entity]
        answers = [(match.start, match.end) for match in matches if match.entity == entity]
        wanted += len(own)
        said += len(answers)
        hit += sum(any(_same(name, answer) for answer in answers) for name in own)
        right += sum(any(_same(name, answer) for name in own) for answer in answers)
    return hit / wanted, right / said


def _same(one: tuple[int, int], two: tuple[int, int]) -> bool:
    shared = min(one[1], two[1]) - max(one[0], two[0])
    return 2 * shared >= max(one[1], two[1]) - min(one[0], two[0])
