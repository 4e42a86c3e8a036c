"""Files that are ours alone: whole or not there, told in the words of whoever asks, and nothing left beside them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from outgate.disk.private import closed_file, make_file, own_file, replace_file


class OurError(Exception):
    """The asking room's."""


def full(_handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_a_full_disk_cuts_off_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    replace_file(path, b"before", OurError)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OurError, match=f"{path}: {os.strerror(errno.ENOSPC)}"):
        replace_file(path, b"after", OurError)
    with pytest.raises(OurError):
        make_file(tmp_path / "b", b"new", OurError)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": b"before"}


def test_a_file_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    make_file(tmp_path / "a", b"first", OurError)
    make_file(tmp_path / "a", b"second", OurError)
    assert (tmp_path / "a").read_bytes() == b"first"


def test_a_file_can_be_for_others_to_read_once_it_is_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"x", OurError, mode=0o644)
    replace_file(tmp_path / "b", b"x", OurError)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o644, 0o600]


@pytest.mark.parametrize("see_to", [own_file, closed_file])
def test_a_file_is_made_for_us_alone_and_its_folder_too(tmp_path: Path, see_to: object) -> None:
    path = tmp_path / "new" / "a"
    assert callable(see_to)
    found = see_to(path, OurError)
    assert (found.st_size, found.st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0, 0o600, 0o700)
    path.write_bytes(b"kept")
    assert see_to(path, OurError).st_size == 4
    path.chmod(0o640)
    with pytest.raises(OurError, match=rf"open to other users \(mode 640\). Run `chmod 600 {path}`"):
        see_to(path, OurError)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OurError, match="not a plain file"):
        see_to(path, OurError)


def test_a_folder_that_others_can_look_into_is_not_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    own_file(tmp_path / "a", OurError)
    with pytest.raises(OurError, match=f"Run `chmod 700 {tmp_path}`"):
        closed_file(tmp_path / "a", OurError)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_can_be_given_to_another(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"x", OurError, owner=(12345, 23456))
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 23456, 0o600)
