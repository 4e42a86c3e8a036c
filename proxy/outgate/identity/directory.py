"""Groups and devices of users, from a file: YAML (``user: {groups: [...], device: ...}``) or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from outgate.identity import files
from outgate.identity.evidence import IdentityError, groups_of, plain
from outgate.model import Identity
from outgate.policy import source
from outgate.policy.error import PolicyError

_COLUMNS = ("user", "groups", "device")
_HEADING = f"{','.join(_COLUMNS)} is expected, groups parted by ;"


def read(path: Path) -> Mapping[str, Identity]:
    """Everybody in the file, by name. Raises IdentityError with the line that is wrong."""
    data = files.read(path)
    entries = _of_csv(path, data) if path.suffix.lower() == ".csv" else _of_yaml(path, data)
    found: dict[str, Identity] = {}
    for line, user, groups, device in entries:
        name = plain(user)
        if name is None:
            raise IdentityError(f"{path}:{line}: not a user's name")
        if name in found:
            raise IdentityError(f"{path}:{line}: {name} stands in an earlier line, too")
        found[name] = Identity(name, _groups(path, line, groups), _device(path, line, device))
    return found


def _groups(path: Path, line: int, names: Iterable[object]) -> tuple[str, ...]:
    given = list(names)
    if any(plain(name) is None for name in given):
        raise IdentityError(f"{path}:{line}: not a group's name")
    return groups_of(given)


def _device(path: Path, line: int, device: object) -> str | None:
    if device is None or device == "":
        return None
    name = plain(device)
    if name is None:
        raise IdentityError(f"{path}:{line}: not a device's name")
    return name


_Entry = tuple[int, object, Iterable[object], object]  # line, user, groups, device


def _of_yaml(path: Path, data: bytes) -> Iterator[_Entry]:
    try:
        root, problems = source.parse(data, path)
        if problems:
            raise PolicyError(problems)
    except PolicyError as error:
        raise IdentityError(str(error)) from None
    if root.value is None:
        return
    if not isinstance(root.value, dict):
        raise IdentityError(f"{path}:1: a mapping is expected: `user: {{groups: [...], device: ...}}`")
    for user, node in root.value.items():
        line = root.keys[user].line
        facts = node.plain()
        if not isinstance(facts, dict) or not facts.keys() <= {"groups", "device"}:
            raise IdentityError(f"{path}:{line}: `groups` and `device` are what can be said of a user")
        groups = facts.get("groups") or []
        yield line, user, groups if isinstance(groups, list) else [groups], facts.get("device")


def _of_csv(path: Path, data: bytes) -> Iterator[_Entry]:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        heading = next(rows, None)
        if (
            heading is None
            or not {"user"} <= set(heading) <= set(_COLUMNS)
            or len(set(heading)) < len(heading)
        ):
            raise IdentityError(f"{path}:1: {_HEADING}")
        for row in rows:
            if not row:
                continue
            if len(row) != len(heading):
                raise IdentityError(f"{path}:{rows.line_num}: {len(row)} columns instead of {len(heading)}")
            facts = dict(zip(heading, row, strict=True))
            groups = [group for group in facts.get("groups", "").split(";") if group.strip()]
            yield rows.line_num, facts["user"], groups, facts.get("device")
    except (UnicodeDecodeError, csv.Error) as error:
        raise IdentityError(f"{path}: not CSV in UTF-8: {error}") from None
