"""Users and passwords in an htpasswd file."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest

from outgate.identity import passwords
from outgate.identity.evidence import Credentials, IdentityError, Known, Refused
from outgate.identity.passwords import Passwords
from outgate.model import Identity


def hashed(secret: str) -> str:
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(4)).decode()


def file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "users"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_right_password_is_its_users_and_a_wrong_one_nobodys(tmp_path: Path) -> None:
    path = file(tmp_path, f"# people\n\nada:{hashed('engine')}\nbo:{hashed('dif:ference')}:a comment\n")
    users = Passwords(path)
    known = users.check(Credentials("bo", "dif:ference"))
    assert isinstance(known, Known) and known.identity == Identity("bo") and known.holds()
    assert users.check(Credentials("ada", "dif:ference")) == Refused("password", "ada")
    assert users.check(Credentials("eve", "engine")) == Refused("password", None)


@pytest.mark.parametrize("secret", ["", "a\0b", "é" * 37, "x" * 73])
def test_what_bcrypt_would_not_look_at_whole_matches_nothing(tmp_path: Path, secret: str) -> None:
    kept = bcrypt.hashpw(secret.encode()[:72].replace(b"\0", b"") or b"x", bcrypt.gensalt(4)).decode()
    users = Passwords(file(tmp_path, f"ada:{kept}\n"))
    assert users.check(Credentials("ada", secret)) == Refused("password", "ada")


@pytest.mark.parametrize(
    "line",
    [
        "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "ada:$apr1$7v0h9v1x$Gc5nTXVfPb4bBd2PzYf5e.",
        "ada:rqXexS6ZhobKA",
        "ada:engine",
        "ada",
        f"ada:$2b$31${'a' * 53}",
        f"a\tb:{hashed('x')}",
        f":{hashed('x')}",
        f"bo:{hashed('x')}",
    ],
    ids=["sha", "apr1", "crypt", "plain", "no colon", "31 rounds", "tab", "no name", "named twice"],
)
def test_another_line_is_told_by_its_number_and_not_by_what_is_in_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(IdentityError) as error:
        passwords.read(file(tmp_path, f"bo:{hashed('x')}\n{line}\n"))
    assert f"{tmp_path}/users:2: " in error.value.message
    assert "$" not in error.value.message and "engine" not in error.value.message


@pytest.mark.parametrize(
    ("mode", "remedy"), [(0o644, "chmod o-rwx"), (0o660, "chmod go-w"), (0o602, "chmod go-w")]
)
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int, remedy: str) -> None:
    path = file(tmp_path, f"ada:{hashed('x')}\n", mode)
    with pytest.raises(IdentityError, match=remedy):
        passwords.read(path)


def test_a_file_that_our_group_can_read_and_a_link_to_one_are_fine(tmp_path: Path) -> None:
    path = file(tmp_path, f"ada:{hashed('x')}\n", 0o640)
    (tmp_path / "link").symlink_to(path)
    assert set(passwords.read(tmp_path / "link")) == {"ada"}


def test_users_are_added_changed_and_removed_and_the_rest_of_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passwords._ROUNDS >= 12
    monkeypatch.setattr(passwords, "_ROUNDS", 4)
    path = tmp_path / "users"
    assert passwords.put(path, "ada", "engine")
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(f"# by hand\n{path.read_text()}")
    path.chmod(0o640)
    assert passwords.put(path, "bo", "difference")
    assert not passwords.put(path, "ada", "new")
    assert path.read_text().startswith("# by hand\nada:$2b$04$")
    assert path.stat().st_mode & 0o777 == 0o640
    assert isinstance(Passwords(path).check(Credentials("ada", "new")), Known)
    assert isinstance(Passwords(path).check(Credentials("ada", "engine")), Refused)
    passwords.remove(path, "ada")
    assert set(passwords.read(path)) == {"bo"} and "# by hand" in path.read_text()
    with pytest.raises(IdentityError, match="there is no user 'ada'"):
        passwords.remove(path, "ada")
    assert [found.name for found in tmp_path.iterdir()] == ["users"]


@pytest.mark.parametrize(
    ("user", "secret"),
    [("a:b", "x"), ("#a", "x"), ("", "x"), ("a\n", "x"), ("ada", ""), ("ada", "x" * 73)],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, user: str, secret: str) -> None:
    with pytest.raises(IdentityError):
        passwords.put(tmp_path / "users", user, secret)
    assert not (tmp_path / "users").exists()


def test_a_bad_file_changes_nothing_and_a_good_one_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[None] = []
    path = file(tmp_path, f"ada:{hashed('engine')}\n")
    users = Passwords(path, lambda: failed.append(None))
    known = users.check(Credentials("ada", "engine"))
    assert isinstance(known, Known)
    path.write_text("ada:x\n")
    for _ in range(3):
        users.look()
    assert len(failed) == 1 and caplog.text.count("stays in force") == 1
    assert known.holds() and users.version == 0
    file(tmp_path, f"ada:{hashed('engine')}\n")
    users.look()
    assert users.version == 1
    assert not known.holds()  # the same password with another hash may be another password
    assert isinstance(users.check(Credentials("ada", "engine")), Known)
    path.unlink()
    users.look()
    assert isinstance(users.check(Credentials("ada", "engine")), Known)
