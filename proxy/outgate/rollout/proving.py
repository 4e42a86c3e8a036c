"""A release is tried before it is taken: it loads, stays within what it may name, and its own test cases hold.

In a process of its own, with a deadline: a pattern that never comes to an end on its own examples is that process's
trouble and no proxy's. ``python -m outgate.rollout.proving`` reads what to try as JSON and prints what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outgate.catalogue import Catalogue
from outgate.dlp import DetectionError
from outgate.policy import Policy, PolicyError, cases
from outgate.rollout import RefusedError, RolloutError, release
from outgate.rollout.confinement import Confinement
from outgate.rollout.inspections import inspections
from outgate.rollout.lineup import Lineup
from outgate.rollout.loading import lineup_of
from outgate.rollout.release import Release
from outgate.settings import Settings

_DEADLINE = 300.0  # seconds; a large model takes some of them to load
_MOST_TOLD = 20  # problems
_SOURCE_ROOT = Path(__file__).parents[2]


def prove(folder: Path, settings: Settings) -> None:
    """Try the release in ``folder`` in another process. Raises RefusedError with what is wrong; RolloutError."""
    given = settings.policy_source
    asked = {
        "folder": str(folder),
        "catalogue": str(settings.catalogue) if settings.catalogue else None,
        "may_run": bool(given and given.may_run),
        "may_read": [str(path) for path in given.may_read] if given else [],
    }
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
            env={**os.environ, "PYTHONPATH": str(_SOURCE_ROOT)},  # with what known values may be read from
        )
        problems = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise RefusedError(f"its tests were not done after {_DEADLINE:g} s") from None
    except (OSError, ValueError) as error:
        raise RolloutError(f"it could not be tried ({type(error).__name__})") from None
    if problems:
        raise RefusedError("\n".join(str(problem).replace(f"{folder}{os.sep}", "") for problem in problems))


def problems(folder: Path, catalogue: Catalogue, *, may_run: bool, may_read: Sequence[Path]) -> list[str]:
    """Everything that keeps the release in ``folder`` from being taken."""
    try:
        named = release.read(folder)
        confined = Confinement(folder, may_run, may_read)
        if code := [problem for paths in named.tracks for problem in confined.code(paths)]:
            return list(map(str, code))
        lineup = lineup_of(named, catalogue.providers.values(), check_model=True)
        outside = list(map(str, confined.outside(lineup.files)))
        return outside or asyncio.run(_failures(named, lineup, catalogue))
    except PolicyError as error:
        return [str(problem) for problem in error.problems]
    except DetectionError as error:
        return [f"its detectors cannot be built: {error}"]


async def _failures(named: Release, lineup: Lineup, catalogue: Catalogue) -> list[str]:
    """The cases that do not hold, of every policy that has some beside it; and its engine is built in any case."""
    found: list[str] = []
    canary, shadow = named.rollout.canary, named.rollout.shadow
    files = {
        "stable": named.policies,
        "canary": canary and canary.policies,
        "shadow": shadow and shadow.policies,
    }
    for track, policy in lineup.tracks.items():
        judges = inspections(policy, catalogue, Settings().extractor_config)
        for path in files[track] or ():
            if cases.beside(path).is_file():
                found += await _failed(cases.beside(path), policy, catalogue, judges)
    return found


async def _failed(
    file: Path,
    policy: Policy,
    catalogue: Catalogue,
    judges: tuple[cases.Inspect, cases.InspectAnswer, cases.Afford],
) -> list[str]:
    about, all_cases = cases.read(file, catalogue)
    if {path.resolve() for path in about} - {path.resolve() for path in policy.files}:
        return [f"{file}: its cases are about another policy than the one that they lie beside"]
    results = await cases.run(all_cases, *judges)
    return [
        f"{file}:{result.case.mark.line}: {result.case.name}: {failure}"
        for result in results
        for failure in result.failures
    ]


def _end_with(parent: int) -> None:
    """Nobody is left to tell."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _main() -> None:
    """Nobody waits for this: others go first."""
    if hasattr(os, "nice"):
        os.nice(10)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    asked: dict[str, Any] = json.load(sys.stdin)
    catalogue = Catalogue.load(extra=Path(asked["catalogue"]) if asked["catalogue"] else None)
    found = problems(
        Path(asked["folder"]),
        catalogue,
        may_run=asked["may_run"],
        may_read=[Path(path) for path in asked["may_read"]],
    )
    more = [f"... and {len(found) - _MOST_TOLD} more"] if len(found) > _MOST_TOLD else []
    json.dump([*found[:_MOST_TOLD], *more], sys.stdout)


if __name__ == "__main__":
    _main()
