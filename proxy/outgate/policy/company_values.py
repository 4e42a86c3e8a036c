"""``known_values:`` of a policy: where a company's own secrets are, to hashes of them.

Values are read when the policy is loaded, in this process, and not kept. Owns what is said of a place that cannot be
read; how values are read and hashed is detection's business.
"""

from __future__ import annotations

from pathlib import Path

from outgate.dlp import known_values
from outgate.dlp.config import KnownSource
from outgate.dlp.known_values import KnownValues, KnownValuesError
from outgate.policy.code import distrusted
from outgate.policy.error import Mark, Problem
from outgate.policy.schema_detectors import KnownValuesSpec
from outgate.policy.source import Node


def read(
    spec: KnownValuesSpec, file: Path, node: Node, position: int, *, run: bool
) -> tuple[KnownSource, list[Problem], list[Path]]:
    """What one entry of ``known_values`` stands for, what is wrong with it, and the file that it read.

    ``run``: commands are run; without it they have no values, and nothing is wrong with them.
    """
    place: list[str | int] = ["known_values", position]
    path = file.parent / spec.file if spec.file else None
    key = "file" if path else "environment" if spec.environment else "command"
    source = f"{key} {spec.file or spec.environment or list(spec.command)}"
    found = KnownValues.of((), known_values.process_key())
    problems: list[Problem] = []

    def wrong(message: str, hint: str = "", mark: Mark | None = None) -> None:
        problems.append(Problem(file, mark or node.at([*place, key]), message, hint))

    if spec.command and (untrusted := distrusted(file)):
        wrong(*untrusted, node.at([*place, key], key=True))
    elif run or not spec.command:
        try:
            found = KnownValues.of(_values(spec, path), found.key)
        except KnownValuesError as error:
            wrong(error.message, error.hint)
        else:
            if not found.entries:
                wrong(
                    f"{_none(found.skipped)} in the {source}", "a value has 6 characters or more, 4 in a row"
                )
    return KnownSource(spec.entity, source, found), problems, [path] if path else []


def _values(spec: KnownValuesSpec, path: Path | None) -> list[str]:
    if path:
        return known_values.from_file(path)
    if spec.environment:
        return known_values.from_environment(spec.environment)
    return known_values.from_command(spec.command)


def _none(skipped: int) -> str:
    return (
        f"all {skipped} values are too short or too long to be looked for" if skipped else "there is no value"
    )
