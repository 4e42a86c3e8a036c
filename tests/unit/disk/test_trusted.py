"""Who else could write a file: its owner, its mode, and those of the folders it lies in, links looked through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outgate.disk.trusted import Writable, writable_by_others


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One of ours, seen through a link in another folder."""
    for name in ("real", "links"):
        (tmp_path / name).mkdir(mode=0o755)
    real, link = tmp_path / "real" / "a", tmp_path / "links" / "a"
    real.touch(mode=0o644)
    link.symlink_to(real)
    return link


def test_ours_that_others_can_only_read_is_nobody_elses_to_write(file: Path) -> None:
    assert writable_by_others(file) is None


@pytest.mark.parametrize("which", ["links", "real", "real/a"])
def test_what_others_can_write_is_named(file: Path, tmp_path: Path, which: str) -> None:
    (tmp_path / which).chmod(0o775)
    assert writable_by_others(file) == Writable(tmp_path / which, None, 0o775)


def test_a_folder_in_which_nobody_can_replace_anothers_file_is_as_good_as_ours(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "links").chmod(0o1777)
    assert writable_by_others(file) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("which", ["links", "real", "real/a"])
def test_what_is_another_users_is_named(file: Path, tmp_path: Path, which: str) -> None:
    os.chown(tmp_path / which, 12345, -1)
    found = writable_by_others(file)
    assert found is not None and (found.path, found.owner) == (tmp_path / which, 12345)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        writable_by_others(tmp_path / "none")
