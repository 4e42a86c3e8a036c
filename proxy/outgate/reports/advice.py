"""What to act on first: each a finding of fact, why it matters, and the command or setting that comes next.

A table of questions to the report; those that have something to say are ranked by how bad it is, and by how often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

FIRST: Final = 3
Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to act on."""

    weight: int  # 0..100
    title: str
    why: str
    next: str
    references: tuple[str, ...] = ()  # of exchanges to look at


def advice(report: Report) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The first three things to act on, and the others."""
    found = [one for question in _QUESTIONS for one in question(report)]
    ranked = sorted(found, key=lambda one: -one.weight)
    told = [asdict(one) | {"references": list(one.references)} for one in ranked]
    return told[:FIRST], told[FIRST:]


def some(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _kind(report: Report, name: str) -> dict[str, Any] | None:
    return next((kind for kind in report["kinds"] if kind["kind"] == name), None)


def _credentials(report: Report) -> Iterator[Advice]:
    kind = _kind(report, "credentials")
    if kind and kind["findings"]["left"]:
        yield Advice(
            100,
            f"{some(kind['findings']['left'], 'finding')} of credentials left",
            "Whatever was sent may be kept by whoever got it. A credential that left is not secret any more.",
            "Have them replaced. `outgate audit show REFERENCE` says whose request it was; "
            "a rule with `detect: [secrets]`, `action: block` stops the next.",
            tuple(kind["references"]),
        )


def _health(report: Report) -> Iterator[Advice]:
    for kind in report["kinds"]:
        if kind["special"] and kind["findings"]["left"]:
            yield Advice(
                95,
                f"{some(kind['findings']['left'], 'finding')} of {kind['title'].lower()} left",
                f"Data of a special category ({kind['special']}) needs a ground of Art. 9(2) to be sent anywhere.",
                "Look at these exchanges; `include: [pack:gdpr]` or `pack:hipaa` takes such data out.",
                tuple(kind["references"]),
            )


def _transfers(report: Report) -> Iterator[Advice]:
    transfers = report["transfers"]
    rows = [row for row in transfers["rows"] if row["basis"] == "none" and row["personal_findings"]]
    if rows:
        count = sum(row["personal_findings"] for row in rows)
        names = ", ".join(row["name"] for row in rows[:3]) + (" and others" if len(rows) > 3 else "")
        yield Advice(
            90,
            f"{some(count, 'finding')} of personal data went outside {transfers['region']} with nothing to rest on",
            f"To {names}: no decision of adequacy covers the country, and no safeguard is documented (Art. 44, 46).",
            "Write the contract that you have into `reports.safeguards`, or block these providers for personal data.",
        )
    rows = [row for row in transfers["rows"] if row["basis"] == "conditional" and row["personal_findings"]]
    if rows:
        count = sum(row["personal_findings"] for row in rows)
        yield Advice(
            45,
            f"{some(count, 'finding')} of personal data rest on an operator's own certification",
            f"{some(len(rows), 'provider')} outside {transfers['region']}: the decision covers those operators only "
            "that take part, and this is not documented.",
            "Check each, and write it into `reports.safeguards`.",
        )


def _audit_mode(report: Report) -> Iterator[Advice]:
    would = report["policy"]["would_block"]
    if report["policy"]["mode"] == "audit" or would:
        yield Advice(
            80 if would else 60,
            f"{some(would, 'request')} would have been blocked, and went out"
            if would
            else "Nothing is blocked, whatever it is",
            "The policy was in audit mode: nothing is blocked or changed, all is recorded.",
            "`outgate policy suggest` proposes a policy from this time, with what it would do.",
        )


def _failing(report: Report) -> Iterator[Advice]:
    opened = sum(row["count"] for row in report["not_inspected"]["let_through"])
    if opened:
        yield Advice(
            85,
            f"{some(opened, 'request')} went out without having been inspected",
            "Inspection failed and `on_error` let them pass.",
            "Set `on_error: block`, and see which reasons there are below.",
        )
    stopped = report["not_inspected"]["stopped"]
    slow = [
        row
        for row in stopped
        if row["what"] in ("timeout", "overload", "crash", "detector_error", "not_ready")
    ]
    count = sum(row["count"] for row in slow)
    if count and count >= report["totals"]["exchanges"] / 200:
        yield Advice(
            50,
            f"{some(count, 'request')} failed for want of inspection",
            f"Most often: {slow[0]['what']}. People see errors and look for ways around.",
            "More workers (`detection.workers`), or more machines.",
        )
    files = sum(row["count"] for row in report["not_inspected"]["files_sent"])
    if files:
        yield Advice(
            40,
            f"{some(files, 'file or part of one', 'files or parts of files')} went out unread",
            "Audio, video, encrypted or broken files, or images without Tesseract: nobody knows what is in them.",
            "`uninspectable: block` in the policy stops them.",
        )


def _peak(report: Report) -> Iterator[Advice]:
    days = [day for day in report["days"] if day["exchanges"]]
    if len(days) < 4:
        return
    usual = median(day["stopped"] for day in days)
    worst = max(days, key=lambda day: day["stopped"])
    if worst["stopped"] >= 10 and worst["stopped"] >= 3 * max(usual, 1):
        yield Advice(
            75,
            f"{some(worst['stopped'], 'request')} stopped on {worst['day']}, against {usual:g} on a usual day",
            "Somebody tried something again and again, or a new rule or program met the other.",
            "`outgate audit tail --outcome block` shows them; look for one fingerprint or one client.",
        )


def _shadow(report: Report) -> Iterator[Advice]:
    if report["shadow"]:
        first = report["shadow"][0]
        yield Advice(
            65,
            f"{some(len(report['shadow']), 'AI service')} outside the catalogue in use",
            f"Nobody sees what is sent there. The most used is {first['host']}, "
            f"by {some(first['people'], 'person', 'people')}.",
            "`outgate report shadow` lists them and shows how one is opened.",
        )


def _false_alarms(report: Report) -> Iterator[Advice]:
    told = report["false_alarms"] or []
    waiting = sum(row["open"] for row in told)
    if waiting:
        yield Advice(
            55,
            f"{some(waiting, 'report')} of false alarms without an answer",
            "People who are stopped for nothing, and hear nothing, stop asking.",
            "`outgate review list`",
        )
    wrong = [row for row in told if row["allowed"] >= 3 and row["allowed"] > row["rejected"]]
    if wrong:
        worst = max(wrong, key=lambda row: row["allowed"])
        yield Advice(
            35,
            f"The rule {worst['rule']} is often wrong about {worst['entity']}",
            f"{worst['allowed']} reports were right, {worst['rejected']} were not.",
            "Raise its `min_score`, or take the entity out of it.",
        )


def _accounts(report: Report) -> Iterator[Advice]:
    count = report["accounts"]["stopped"] + report["accounts"]["noted"]
    if count:
        yield Advice(
            58,
            f"{some(count, 'request')} for accounts that are not listed",
            "A private account is outside of the company's contract with the provider.",
            "`allowed_accounts` in the policy blocks them, or list the account.",
        )


def _budgets(report: Report) -> Iterator[Advice]:
    if report["budgets"]:
        count = sum(row["count"] for row in report["budgets"])
        yield Advice(
            30,
            f"{some(count, 'request')} beyond a budget",
            f"Most often: {report['budgets'][0]['what']}.",
            "`outgate budgets show` says what was used.",
        )


def _nobody(report: Report) -> Iterator[Advice]:
    count, total = report["totals"]["unidentified_exchanges"], report["totals"]["exchanges"]
    if total and count > total / 2:
        yield Advice(
            25,
            f"Of {count * 100 // total} % of the requests nobody knows who sent them",
            "They are known by an address, which several people may share, or one may have many of.",
            "`identity:` in the settings; see docs/identity.md.",
        )


_QUESTIONS: Final[tuple[Callable[[Report], Iterator[Advice]], ...]] = (
    _credentials,
    _health,
    _transfers,
    _audit_mode,
    _failing,
    _peak,
    _shadow,
    _false_alarms,
    _accounts,
    _budgets,
    _nobody,
)
