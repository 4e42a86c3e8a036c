"""Releases from a Git repository: a branch or a tag, its signature checked, and only ever further along.

The ``git`` program fetches into a bare clone of our own; nothing is checked out. A release is the tree of one commit:
its plain files with plain names, read as objects, so that no hook, filter or link has a part in it. Signatures are
checked by git with the keys of the settings and no others (git-verify-commit, git-verify-tag; gitformat-signature).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from outgate.rollout import RefusedError, RolloutError
from outgate.rollout.bundle import MOST_FILES, UNPACKED, clash, is_plain
from outgate.rollout.files import check_trusted
from outgate.rollout.source import Offer
from outgate.rollout.store import State
from outgate.settings.rollout import PolicySource

_PATIENCE = 120.0  # seconds for one command
_LARGEST_PACK = 256 * 2**20  # bytes of a file that git may write
_INCOMING = "refs/outgate/incoming"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256
_MOST_LISTED = 20 * MOST_FILES
_COMMITTED, _TAGGED = "commit", "tag"
# Of the environment's GIT_*: how to get there. Everything else could lead git elsewhere.
_PASSED_ON = frozenset({"GIT_SSH_COMMAND", "GIT_SSL_CAINFO"})
_NOBODY = "/bin/false"  # the program that checks signatures of a kind that nobody may sign with


class GitSource:
    """One branch, or one tag, of a repository."""

    def __init__(self, given: PolicySource, folder: Path) -> None:
        assert given.git is not None
        self._given = given
        self._folder = folder
        self._name = given.tag or given.branch or "main"
        self._ref = f"refs/tags/{given.tag}" if given.tag else f"refs/heads/{self._name}"
        self._where = re.sub(r"//[^/@\s]*@", "//", given.git)  # as it may be told: without a password
        self.origin = f"{self._where} {self._ref}"

    def fetch(self, state: State) -> Offer | None:
        """As ``Source``."""
        if not (self._folder / "HEAD").exists():
            self._git("init", "--quiet", "--bare", str(self._folder), inside=False)
        assert self._given.git is not None
        self._git(
            *("fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
            *("--", self._given.git, f"+{self._ref}:{_INCOMING}"),
        )
        offered = self._git("rev-parse", "--verify", _INCOMING).decode().strip()
        offer = self.reopened({_COMMITTED: self._commit(offered), _TAGGED: offered.encode()})
        if offer.identifier == state.taken:
            return None
        last = state.highest
        if last and not self._given.allow_rollback and not self._follows(offer.identifier, last):
            raise RefusedError(
                f"{offer.label} does not follow {last[:12]}, which was taken before: it would go back, or aside"
            )
        return offer

    def reopened(self, proof: Mapping[str, bytes]) -> Offer:
        """As ``Source``: who signed it, and what is in it."""
        commit, tag = (
            proof.get(name, b"").decode("ascii", "replace").strip() for name in (_COMMITTED, _TAGGED)
        )
        if not (_COMMIT.fullmatch(commit) and _COMMIT.fullmatch(tag)):
            raise RolloutError(f"{self._folder}: not commits of a repository.")
        self._verify(commit, tag)
        return Offer(commit, f"{self._name} at {commit[:12]}", self._tree(commit), dict(proof))

    def _commit(self, thing: str) -> bytes:
        return self._git("rev-parse", "--verify", f"{thing}^{{commit}}")

    def _follows(self, newer: str, older: str) -> bool:
        done = self._run("merge-base", "--is-ancestor", older, newer)
        return done.returncode == 0  # also not where the older one is in this repository no more

    def _verify(self, commit: str, tag: str) -> None:
        """Raises RefusedError unless it is signed as the settings ask."""
        if self._given.verify is None:
            return
        what, thing = ("verify-tag", tag) if self._given.verify == "tag" else ("verify-commit", commit)
        if self._given.verify == "tag":
            self._named(tag, commit)
        with self._keys() as (options, environment):
            if self._run(what, thing, options=options, environment=environment).returncode:
                keys = self._given.allowed_signers or self._given.keyring
                raise RefusedError(f"{self._name}: {thing[:12]} is not signed by anybody of {keys}")

    def _named(self, tag: str, commit: str) -> None:
        """A signed tag says its name: under another it is somebody's trick. And what it is a tag of."""
        if self._git("cat-file", "-t", tag).strip() != b"tag":
            raise RefusedError(f"{self._name}: not a tag that can be signed (`git tag --sign`)")
        head = dict(
            line.partition(b" ")[::2]
            for line in self._git("cat-file", "tag", tag).split(b"\n\n", 1)[0].splitlines()
        )
        if head.get(b"tag") != self._name.encode() or self._commit(tag).decode().strip() != commit:
            raise RefusedError(f"{self._name}: what is signed there is another tag")

    @contextmanager
    def _keys(self) -> Iterator[tuple[Sequence[str], Mapping[str, str]]]:
        """Options and environment in which only the keys of the settings sign. Raises RolloutError."""
        signers, keyring = self._given.allowed_signers, self._given.keyring
        keys = signers or keyring
        assert keys is not None
        check_trusted(keys)
        none = ["-c", f"gpg.x509.program={_NOBODY}", "-c", "gpg.minTrustLevel=undefined"]
        if signers is not None:
            yield [*none, "-c", f"gpg.program={_NOBODY}", "-c", f"gpg.ssh.allowedSignersFile={signers}"], {}
            return
        with tempfile.TemporaryDirectory(prefix="outgate-keys-") as home:
            try:
                done = subprocess.run(  # noqa: S603 - its words are ours and a path
                    ["gpg", "--batch", "--quiet", "--no-autostart", "--import", str(keyring)],  # noqa: S607
                    env={**_environment(), "GNUPGHOME": home},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_PATIENCE,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                raise RolloutError("`gpg` cannot be run; it has to be installed to use `keyring`.") from None
            if done.returncode:
                raise RolloutError(
                    f"{keyring}: gpg cannot read keys from it. `gpg --export` writes such a file."
                )
            yield [*none, "-c", f"gpg.ssh.program={_NOBODY}"], {"GNUPGHOME": home}

    def _tree(self, commit: str) -> dict[str, bytes]:
        """The release's files. What has another kind of name, or is no plain file, is not the release's."""
        listed = self._git("ls-tree", "-r", "-z", "--long", "--full-tree", commit).split(b"\0")
        if len(listed) > _MOST_LISTED:
            raise RefusedError(f"{self._name}: there are more than {_MOST_LISTED} files in it")
        wanted: dict[str, str] = {}
        size = 0
        for entry in filter(None, listed):
            about, _, raw = entry.partition(b"\t")
            mode, kind, object_id, length = about.split()
            name = raw.decode("utf-8", "replace")
            if kind == b"blob" and mode in (b"100644", b"100755") and is_plain(name):
                wanted[name] = object_id.decode()
                size += int(length)
        if len(wanted) > MOST_FILES or size > UNPACKED:
            raise RefusedError(
                f"{self._name}: there are more than {MOST_FILES} files or {UNPACKED} bytes in it"
            )
        if (twice := clash(iter(wanted))) is not None:
            raise RefusedError(f"{self._name}: {twice} is in it twice, on some systems")
        return dict(zip(wanted, self._blobs(list(wanted.values())), strict=True))

    def _blobs(self, objects: Sequence[str]) -> Iterator[bytes]:
        """Their contents (git-cat-file's ``--batch``: a line of id, kind and size, the content, a line feed)."""
        told = self._git("cat-file", "--batch", given="".join(f"{one}\n" for one in objects).encode())
        at = 0
        for one in objects:
            end = told.index(b"\n", at)
            found, kind, length = told[at:end].split()
            if found.decode() != one or kind != b"blob":
                raise RolloutError(f"{self._folder}: the clone is broken. Delete it to have it made anew.")
            yield told[end + 1 : end + 1 + int(length)]
            at = end + 2 + int(length)

    def _git(self, *words: str, given: bytes = b"", inside: bool = True) -> bytes:
        """What a command prints. Raises RolloutError when it fails."""
        done = self._run(*words, given=given, inside=inside)
        if done.returncode:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = (
                "".join(c if c.isprintable() else "?" for c in told[-1][:300]) if told else "it says nothing"
            )
            raise RolloutError(
                f"git {words[0]} ({self._where}): {reason.replace(self._given.git or '', self._where)}"
            )
        return done.stdout

    def _run(
        self,
        *words: str,
        given: bytes = b"",
        inside: bool = True,
        options: Sequence[str] = (),
        environment: Mapping[str, str] = {},
    ) -> subprocess.CompletedProcess[bytes]:
        settings = (
            *("core.hooksPath=/dev/null", "transfer.fsckObjects=true", "gc.auto=0", "maintenance.auto=false"),
            *("http.sslVerify=true", "http.followRedirects=false"),
        )
        command = ["git", *(word for one in settings for word in ("-c", one)), *options]
        command += ["--git-dir", str(self._folder)] if inside else []
        # A repository of any size must not fill the disk. In blocks of 512 bytes (POSIX, ulimit).
        bounded = ["/bin/sh", "-c", f'ulimit -f {_LARGEST_PACK // 512} && exec "$@"', "sh"]
        try:
            return subprocess.run(  # noqa: S603 - no shell sees a word of it: they are its arguments
                [*bounded, *command, *words],
                input=given,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                env={**_environment(), **environment},
            )
        except subprocess.TimeoutExpired:
            raise RolloutError(f"git {words[0]} ({self._where}): not done after {_PATIENCE:g} s") from None
        except OSError as error:
            raise RolloutError(f"`git` cannot be run: {error.strerror}.") from None


def _environment() -> dict[str, str]:
    """Ours, without what would lead git elsewhere or have it ask a person."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _PASSED_ON
    }
    return {
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "LC_ALL": "C",
    }
