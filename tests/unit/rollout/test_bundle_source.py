"""Releases from a web server: what is taken, what is not, and what judges meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outgate.policy import PolicyError
from outgate.rollout import RefusedError, RolloutError, https, proving
from outgate.rollout.puller import pause
from outgate.settings import Settings
from providers.bundles import BundleServer
from unit.rollout.conftest import Machine, Publisher, cases, policy

pytestmark = pytest.mark.usefixtures("here")
MakeMachine = Callable[..., Machine]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BundleServer]:
    with BundleServer(tmp_path) as made:
        yield made


@pytest.fixture
def subscribed(server: BundleServer, publisher: Publisher, machine: MakeMachine) -> MakeMachine:
    def make(**source: object) -> Machine:
        return machine(url=server.url, keys=[publisher.public], roots=[server.root], **source)

    return make


def files(word: str) -> dict[str, bytes]:
    return {"policy.yaml": policy(word), "policy.test.yaml": cases(word)}


def test_a_newer_bundle_is_taken_and_what_is_not_new_is_not_sent_again(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(1, files("Bluebird")))
    assert machine.puller().first(machine.loading.lineup).release == "version 1 of 2026-01-02"
    assert machine.words() == ("Bluebird",)
    assert machine.look().problem == ""
    server.publish(*publisher.release(2, files("Kingfisher")))
    assert machine.look().version == 2
    assert machine.words() == ("Kingfisher",)
    statuses = [status for path, status in server.asked if path.endswith(".gz")]
    assert statuses == [200, 304, 200]
    assert [result for _, result in machine.told] == ["taken", "unchanged", "taken"]


@pytest.mark.parametrize(
    ("publish", "told"),
    [
        (lambda p, now: p.release(1, files("Goldfinch")), "is older than version 2"),
        (lambda p, now: p.release(2, files("Goldfinch")), "another bundle than the version 2"),
        (
            lambda p, now: (p.release(3, files("Goldfinch"))[0], p.release(4, files("Goldfinch"))[1]),
            "not signed",
        ),
        (lambda p, now: (p.release(3, files("Goldfinch"))[0], b""), "not signed"),
        (lambda p, now: p.release(3, files("Goldfinch"), now - timedelta(minutes=1)), "expired"),
        (
            lambda p, now: p.release(3, {"policy.yaml": b"version: 1\nrules: [{nam: x}]\n"}),
            "policy.yaml:2:10: unknown",
        ),
        (
            lambda p, now: p.release(
                3, {"policy.yaml": policy("Goldfinch", "audit"), "policy.test.yaml": cases("Goldfinch")}
            ),
            "the word is blocked: outcome: expected block, got forward",
        ),
        (lambda p, now: p.release(3, {"other.yaml": policy("Goldfinch")}), "policy.yaml: cannot be read"),
        (lambda p, now: (b"x" * (https.LARGEST + 1), b""), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "publish",
)
def test_what_must_not_be_taken_leaves_the_release_before_it_in_force_and_is_told(
    publish: Callable[[Publisher, datetime], tuple[bytes, bytes]],
    told: str,
    server: BundleServer,
    publisher: Publisher,
    subscribed: MakeMachine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(2, files("Bluebird")))
    good = machine.look()
    server.publish(*publish(publisher, datetime.now(UTC)))
    for _ in range(2):  # what was refused stays so, and stays told
        state = machine.look()
        assert told in state.problem
        assert (state.taken, state.version, state.looked) == (good.taken, 2, good.looked)
    assert machine.words() == ("Bluebird",)
    assert [result for _, result in machine.told] == ["taken", "refused", "refused"]
    assert "version 2 of 2026-01-02 stays in force" in caplog.text
    server.publish(*publisher.release(5, files("Kingfisher")))
    assert machine.look().problem == ""
    assert machine.words() == ("Kingfisher",)


def test_a_version_that_was_taken_is_remembered_by_what_is_kept_alone(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(7, files("Bluebird")))
    machine.look()
    (machine.settings.state_dir / "policies" / "source" / "state.json").unlink()
    server.publish(*publisher.release(6, files("Goldfinch")))
    assert "older than version 7" in machine.look().problem
    assert machine.words() == ("Bluebird",)


def test_a_rollback_is_taken_where_the_settings_allow_it(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    server.publish(*publisher.release(7, files("Bluebird")))
    subscribed().look()
    server.publish(*publisher.release(6, files("Goldfinch")))
    allowing = subscribed(allow_rollback=True)
    assert allowing.look().version == 6
    assert allowing.words() == ("Goldfinch",)


def test_a_machine_that_remembers_nothing_takes_nothing_below_what_the_settings_say(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed(at_least=3)
    server.publish(*publisher.release(2, files("Goldfinch")))
    with pytest.raises(RolloutError, match="below `at_least: 3`"):
        machine.puller().first(machine.loading.lineup)


def test_without_a_network_the_release_that_is_kept_starts_and_without_any_nothing_does(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    server.always = 503
    machine = subscribed()
    with pytest.raises(RolloutError, match=r"no policy, and none to be had .* answers 503.* does not start"):
        machine.puller().first(machine.loading.lineup)
    server.always = 0
    server.publish(*publisher.release(1, files("Bluebird"), datetime.now(UTC) + timedelta(hours=1)))
    machine.puller().first(machine.loading.lineup)
    server.always = 503
    asked = len(server.asked)
    assert subscribed().puller().first(machine.loading.lineup).stable.rules[0].name == "words"
    assert len(server.asked) == asked  # nothing had to be asked
    state = machine.look()
    assert "answers 503" in state.problem
    assert machine.told[-1][1] == "unreachable"
    assert not state.stale(state.looked + 100, 3600)
    assert state.stale(state.looked + 3601, 3600)
    assert state.stale(state.expires + 1, 1e9)  # somebody holds news back


@pytest.mark.parametrize("name", ["files/policy.yaml", "files/more.yaml", "proof/bundle", "proof/bundle.sig"])
def test_what_was_changed_on_disk_is_not_started_with_and_is_got_anew(
    name: str, server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(1, files("Bluebird")))
    machine.look()
    (kept,) = (machine.settings.state_dir / "policies" / "releases").iterdir()
    (kept / name).write_bytes(policy("Goldfinch"))
    with pytest.raises(PolicyError, match="the release that is kept cannot be used"):
        machine.loading.lineup()
    server.always = 503
    with pytest.raises(RolloutError, match="does not start"):
        machine.puller().first(machine.loading.lineup)
    server.always = 0
    machine.puller().first(machine.loading.lineup)
    assert machine.words() == ("Bluebird",)


def test_folders_that_others_may_write_to_are_refused(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(1, files("Bluebird")))
    machine.look()
    folder = machine.settings.state_dir / "policies"
    folder.chmod(0o777)
    with pytest.raises(PolicyError, match="others can write to it"):
        machine.loading.lineup()
    with pytest.raises(Exception, match="others can replace files in it"):
        machine.puller().first(machine.loading.lineup)


def test_a_release_states_no_code_and_names_no_file_elsewhere_unless_it_may(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine, tmp_path: Path
) -> None:
    machine = subscribed()
    trap, words = tmp_path / "trap", tmp_path / "words.txt"
    words.write_text("Bluebird\n")
    code = (
        "version: 1\nrules:\n  - {name: words, detect: [PROJECT], action: block}\n"
        f"detectors:\n  known_values: [{{entity: PROJECT, command: [/usr/bin/touch, {trap}]}}]\n"
    )
    server.publish(*publisher.release(1, {"policy.yaml": code.encode()}))
    assert "policy.yaml:5:36: `command` is code" in machine.look().problem
    assert not trap.exists()
    outside = policy().replace(b"words: [Bluebird]", f"file: {words}".encode())
    server.publish(*publisher.release(2, {"policy.yaml": outside}))
    assert f"{words}: outside of the release" in machine.look().problem
    may = subscribed(may_read=[tmp_path])
    assert may.look().problem == "" and may.words() == ("Bluebird",)
    assert subscribed().words() == ()  # it may no more


def test_who_is_asked_is_verified_and_leads_nowhere_else(
    server: BundleServer, publisher: Publisher, machine: MakeMachine, subscribed: MakeMachine
) -> None:
    server.publish(*publisher.release(1, files("Bluebird")))
    untrusting = machine(url=server.url, keys=[publisher.public])
    assert "unable to get local issuer certificate" in untrusting.look().problem
    server.redirect = server.url
    assert "answers 302" in subscribed().look().problem
    server.redirect = ""
    assert subscribed().look().problem == ""


def test_another_address_does_not_go_back_either(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine, machine: MakeMachine
) -> None:
    server.publish(*publisher.release(9, files("Bluebird")))
    subscribed().look()
    server.files["/other.tar.gz"], server.files["/other.tar.gz.sig"] = publisher.release(
        1, files("Goldfinch")
    )
    other = machine(
        url=server.url.replace("policies.tar.gz", "other.tar.gz"),
        keys=[publisher.public],
        roots=[server.root],
    )
    assert "older than version 9" in other.look().problem
    assert subscribed().words() == ("Bluebird",)


def test_only_one_process_looks_and_it_tells_the_others_by_what_is_kept(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    first, second = subscribed().puller(), subscribed().puller()
    assert first._store.lock()
    assert not second._store.lock()
    first._store.unlock()
    assert second._store.lock()
    second._store.unlock()


def test_a_process_that_starts_beside_the_one_that_looks_takes_what_that_keeps(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    """As a second worker does, and one that replaces another: who looks does so until its process ends."""
    machine = subscribed()
    server.publish(*publisher.release(1, files("Bluebird")))
    looking = machine.puller()
    assert looking.first(machine.loading.lineup).release == "version 1 of 2026-01-02"
    looking.start()
    try:
        beside = machine.puller()
        while beside._store.lock():  # until the other has it
            beside._store.unlock()
            time.sleep(0.01)
        began = time.monotonic()
        assert machine.puller().first(machine.loading.lineup).release == "version 1 of 2026-01-02"
        assert time.monotonic() - began < 20
    finally:
        looking.stop()
    assert beside._store.lock(20)  # once that has ended, another may be it
    beside._store.unlock()


def test_a_release_is_tried_in_another_process(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "policy.yaml").write_bytes(policy("Goldfinch"))
    (folder / "policy.test.yaml").write_bytes(cases("Bluebird"))
    with pytest.raises(
        RefusedError, match=r"^policy.test.yaml:2: the word is blocked: outcome: expected block"
    ):
        proving.prove(folder, Settings(state_dir=tmp_path))


@pytest.mark.parametrize("drip", ["head", "body"])
def test_a_server_that_says_a_byte_now_and_then_does_not_hold_the_looking(
    drip: str, server: BundleServer, subscribed: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "_DEADLINE", 0.5)
    server.drip = drip
    started = time.monotonic()
    assert "cannot be had: not done after 0.5 s" in subscribed().look().problem
    assert time.monotonic() - started < 10


def test_what_is_remembered_holds_no_more_than_it_needs(
    server: BundleServer, publisher: Publisher, subscribed: MakeMachine
) -> None:
    machine = subscribed()
    server.publish(*publisher.release(1, files("Bluebird")))
    machine.look()
    folder = machine.settings.state_dir / "policies"
    told = json.loads((folder / "source" / "state.json").read_text())
    assert told["version"] == 1
    assert {oct(path.stat().st_mode & 0o077) for path in folder.rglob("*")} == {"0o0"}
    for version in range(2, 7):
        server.publish(*publisher.release(version, files("Bluebird")))
        machine.look()
    assert len(list((folder / "releases").iterdir())) == 3


def test_a_source_that_does_not_answer_is_asked_ever_more_seldom_and_not_by_all_at_once() -> None:
    waits = [[pause(60, failures) for _ in range(50)] for failures in range(30)]
    assert all(54 <= wait <= 66 for wait in waits[0])
    assert all(0.9 * 120 <= wait <= 1.1 * 120 for wait in waits[1])
    assert all(wait <= 1.1 * 3600 for one in waits for wait in one)
    assert all(len(set(one)) > 40 for one in waits)
    assert min(waits[29]) >= 0.9 * 3600
    assert min(pause(86_400, 5) for _ in range(20)) >= 0.9 * 86_400
