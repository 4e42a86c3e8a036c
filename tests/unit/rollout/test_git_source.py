"""Releases from a repository: real ones, signed with real keys, served by git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from outgate.rollout import git as git_
from programs import program
from unit.rollout.conftest import Machine, policy

pytestmark = pytest.mark.usefixtures("here")
MakeMachine = Callable[..., Machine]


class Repository:
    """Where the policies are written, and who signs them."""

    def __init__(self, folder: Path) -> None:
        self.git_program = program("git")
        self.folder = folder / "repository"
        self.home = folder / "home"
        self.home.mkdir()
        self.folder.mkdir()
        self("init", "--quiet", "--initial-branch", "main")

    def __call__(self, *words: str) -> str:
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        people = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (
                ("NAME", "Kim"),
                ("EMAIL", "kim@corp.example"),
                ("DATE", "2026-01-02T03:04:05Z"),
            )
        }
        done = subprocess.run(
            [self.git_program, *words],
            cwd=self.folder,
            env={**kept, **people, "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, word: str, *options: str) -> str:
        """A commit whose policy is about ``word``."""
        (self.folder / "policy.yaml").write_bytes(policy(word))
        self("add", "-A")
        self("commit", "--quiet", "--allow-empty", "-m", word, *options)
        return self("rev-parse", "HEAD")

    def signed_by(self, name: str) -> tuple[str, ...]:
        """Options of git that sign with an SSH key of this name."""
        key = self.home / name
        if not key.exists():
            command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
            subprocess.run(command, check=True, timeout=60)
        return "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}.pub"

    def signers(self, *names: str) -> Path:
        """A file of those who may sign."""
        for name in names:
            self.signed_by(name)
        file = self.home / "allowed_signers"
        keys = ((self.home / f"{name}.pub").read_text().strip() for name in names)
        file.write_text("".join(f"kim@corp.example {key}\n" for key in keys))
        return file

    def signed_commit(self, word: str, name: str) -> str:
        (self.folder / "policy.yaml").write_bytes(policy(word))
        self("add", "-A")
        self(*self.signed_by(name), "commit", "--quiet", "--allow-empty", "--gpg-sign", "-m", word)
        return self("rev-parse", "HEAD")

    def signed_tag(self, tag: str, name: str) -> None:
        self(*self.signed_by(name), "tag", "--sign", "--force", "-m", tag, tag)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_branch_is_followed_and_only_forwards(repository: Repository, machine: MakeMachine) -> None:
    following = machine(git=str(repository.folder))
    old = repository.commit("Bluebird")
    assert following.puller().first(following.loading.lineup).release == f"main at {old[:12]}"
    assert following.words() == ("Bluebird",)
    newer = repository.commit("Kingfisher")
    assert following.look().taken == newer
    assert following.words() == ("Kingfisher",)
    assert following.look().taken == newer
    repository("reset", "--quiet", "--hard", old)
    assert "would go back, or aside" in following.look().problem
    repository.commit("Goldfinch")
    assert "would go back, or aside" in following.look().problem
    assert following.words() == ("Kingfisher",)
    assert [result for _, result in following.told] == ["taken", "taken", "unchanged", "refused", "refused"]
    allowing = machine(git=str(repository.folder), allow_rollback=True)
    assert allowing.look().problem == ""
    assert allowing.words() == ("Goldfinch",)


def test_a_release_that_is_no_good_leaves_the_one_before_it(
    repository: Repository, machine: MakeMachine
) -> None:
    following = machine(git=str(repository.folder))
    good = repository.commit("Bluebird")
    following.look()
    (repository.folder / "release.yaml").write_text("policies: [nowhere.yaml]\n")
    repository.commit("Kingfisher")
    state = following.look()
    assert state.taken == good
    assert "nowhere.yaml: cannot be read" in state.problem
    (repository.folder / "release.yaml").write_text("policies: [../policy.yaml]\n")
    repository.commit("Kingfisher")
    assert "release.yaml:1:12: ../policy.yaml is not a plain name" in following.look().problem
    assert following.words() == ("Bluebird",)


def test_commits_are_taken_from_those_who_may_sign_alone(
    repository: Repository, machine: MakeMachine
) -> None:
    signers = repository.signers("kim")
    following = machine(git=str(repository.folder), verify="commit", allowed_signers=signers)
    good = repository.signed_commit("Bluebird", "kim")
    assert following.look().problem == ""
    repository.signed_commit("Goldfinch", "mallory")
    assert "is not signed by anybody of" in following.look().problem
    repository.commit("Goldfinch")
    assert "is not signed by anybody of" in following.look().problem
    assert following.look().taken == good
    assert following.words() == ("Bluebird",)
    repository.signed_commit("Kingfisher", "kim")
    assert following.look().problem == ""
    signers.chmod(0o666)
    assert "others can write" in following.look().problem
    signers.chmod(0o644)
    newest = following.look().taken
    repository.signers("lee")  # whose key is taken away is believed no more, not even for what is kept
    assert following.words() == ()
    repository("reset", "--quiet", "--hard", f"{newest}~2")
    repository.signed_commit("Goldfinch", "lee")  # but what was kept is known
    assert f"does not follow {newest[:12]}" in following.look().problem
    repository("reset", "--quiet", "--hard", newest)
    repository.signed_commit("Nightingale", "lee")
    assert following.look().problem == ""
    assert following.words() == ("Nightingale",)


def test_a_tag_is_taken_if_it_is_signed_under_its_own_name(
    repository: Repository, machine: MakeMachine
) -> None:
    signers = repository.signers("kim")
    following = machine(git=str(repository.folder), tag="production", verify="tag", allowed_signers=signers)
    repository.commit("Bluebird")
    repository("tag", "production")
    assert "not a tag that can be signed" in following.look().problem
    repository.signed_tag("production", "mallory")
    assert "is not signed by anybody of" in following.look().problem
    repository.signed_tag("production", "kim")
    assert following.look().problem == ""
    repository.commit("Goldfinch")
    repository.signed_tag("trial", "kim")
    repository("update-ref", "refs/tags/production", repository("rev-parse", "refs/tags/trial"))
    assert "what is signed there is another tag" in following.look().problem
    assert following.words() == ("Bluebird",)
    repository.signed_tag("production", "kim")
    assert following.look().problem == ""
    assert following.words() == ("Goldfinch",)


def test_openpgp_keys_of_the_ring_sign_and_no_others_whatever_the_user_trusts(
    repository: Repository, machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpg, home = program("gpg"), repository.home / ".gnupg"
    home.mkdir(mode=0o700)

    def run(*words: str) -> bytes:
        command = [gpg, "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *words]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout

    for who in ("kim", "mallory"):
        run("--quick-generate-key", f"{who}@corp.example", "ed25519", "sign", "never")
    ring = repository.home / "ring.gpg"
    ring.write_bytes(run("--export", "kim@corp.example"))
    following = machine(git=str(repository.folder), verify="commit", keyring=ring)
    try:
        for word, who, told in (
            ("Bluebird", "kim@corp.example", ""),
            ("Goldfinch", "mallory@corp.example", "is not signed by anybody of"),
        ):
            repository.commit(word, f"--gpg-sign={who}")
            assert told in following.look().problem
        # Who runs the proxy has keys of their own, of either kind, that say nothing of policies.
        monkeypatch.setenv("HOME", str(repository.home))
        signers = repository.signers("kim")
        (repository.home / ".gitconfig").write_text(f'[gpg "ssh"]\n\tallowedSignersFile = {signers}\n')
        by_ssh = machine(
            git=str(repository.folder), verify="commit", allowed_signers=repository.signers("lee")
        )
        assert "is not signed by anybody of" in by_ssh.look().problem
        repository.signers("kim")
        repository.signed_commit("Goldfinch", "kim")
        assert "is not signed by anybody of" in following.look().problem
        assert following.words() == ("Bluebird",)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=60)


def test_nothing_of_a_repository_but_plain_files_with_plain_names_is_taken(
    repository: Repository, machine: MakeMachine, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        path = repository.folder / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {trap}\n")
        path.chmod(0o755)
    following = machine(git=str(repository.folder))
    (repository.folder / "link.yaml").symlink_to("/etc/passwd")
    (repository.folder / ".gitattributes").write_text("*.yaml filter=evil\n")
    (repository.folder / "lists").mkdir()
    (repository.folder / "lists" / "words.txt").write_text("Bluebird\n")
    repository.commit("Bluebird")
    trap.unlink(missing_ok=True)
    state = following.look()
    assert not trap.exists()
    kept = following.loading.store.files_of(state.taken)
    assert sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()) == [
        "lists/words.txt",
        "policy.yaml",
    ]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://kim:hunter2hunter2@127.0.0.1:1/policies.git", "127.0.0.1"),
        ("/nowhere/policies.git", "/nowhere"),
    ],
)
def test_a_repository_that_does_not_answer_is_told_without_its_password(
    address: str, told: str, machine: MakeMachine, caplog: pytest.LogCaptureFixture
) -> None:
    program("git")
    following = machine(git=address)
    state = following.look()
    assert following.told[-1][1] == "unreachable"
    assert told in state.problem
    assert "hunter2" not in state.problem + state.origin + caplog.text


def test_a_repository_is_bounded(
    repository: Repository, machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("Bluebird")
    monkeypatch.setattr(git_, "UNPACKED", 10)
    assert "10 bytes" in machine(git=str(repository.folder)).look().problem
