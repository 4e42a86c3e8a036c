"""Who is judged by what, and what differs between two verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from made_exchanges import EXCHANGE
from outgate.catalogue import Catalogue
from outgate.model import Action, Exchange, Identity, Outcome, Record, Role, Verdict
from outgate.policy import PolicyError
from outgate.rollout.comparing import Difference, Kind, differences
from outgate.rollout.differences import Counted, Differences, told
from outgate.rollout.lineup import Members, share
from outgate.rollout.loading import policies
from outgate.rollout.store import Store
from outgate.settings import Settings
from outgate.settings.rollout import Canary, PolicySource
from unit.rollout.conftest import Machine, policy

NOBODY = Identity()
PEOPLE = [Identity(user=f"user{number}@corp.example") for number in range(2000)]


def exchange(identity: Identity = NOBODY, client: str = "10.0.0.1") -> Exchange:
    return replace(EXCHANGE, client=ip_address(client), identity=identity)


def members(**who: Any) -> Members:
    return Members(Canary(policies=(Path("next.yaml"),), **who))


def test_people_and_groups_are_members_whatever_the_case() -> None:
    some = members(groups=["pilots", "eng-*"], users=["kim@corp.example"])
    assert exchange(Identity(user="Kim@Corp.example")) in some
    assert exchange(Identity(user="lee", groups=("sales", "Pilots"))) in some
    assert exchange(Identity(user="lee", groups=("ENG-web",))) in some
    assert exchange(Identity(user="lee", groups=("sales",))) not in some
    assert exchange() not in some


@pytest.mark.parametrize("percent", [0.5, 5, 50, 100])
def test_a_percentage_of_people_is_about_that_and_grows_without_changing_anybody(percent: float) -> None:
    drawn = [person for person in PEOPLE if exchange(person) in members(percent=percent)]
    assert abs(100 * len(drawn) / len(PEOPLE) - percent) < 3.5
    more = members(percent=min(100, percent * 2))
    assert all(exchange(person) in more for person in drawn)


@given(st.text(max_size=30), st.text(min_size=1, max_size=30))
@settings(max_examples=50)
def test_where_somebody_stands_depends_on_nothing_but_who_it_is(seed: str, user: str) -> None:
    here = share(seed, Identity(user=user, groups=("a",), device="d"), "10.0.0.1")
    assert 0 <= here < 100
    assert share(seed, Identity(user=user), "192.0.2.7") == here


def test_the_draw_is_the_same_on_every_machine_and_another_seed_draws_others() -> None:
    assert share("", Identity(user="kim"), "") == 74.35352041321102
    first, second = (
        {p.user for p in PEOPLE if exchange(p) in members(percent=10, seed=s)} for s in ("a", "b")
    )
    assert len(first & second) < len(first) / 2
    assert share("", Identity(device="laptop"), "10.0.0.1") == share(
        "", Identity(device="laptop"), "10.0.0.2"
    )
    assert share("", Identity(), "10.0.0.1") != share("", Identity(), "10.0.0.2")


# --- what is loaded -----------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path, machine: Callable[..., Machine]) -> Callable[..., Machine]:
    """A release in a folder."""
    folder = tmp_path / "release"
    folder.mkdir()
    for name, word in (("policy", "Bluebird"), ("next", "Kingfisher"), ("draft", "Goldfinch")):
        (folder / f"{name}.yaml").write_bytes(policy(word))

    def make(release: str) -> Machine:
        (folder / "release.yaml").write_text(release)
        return machine(directory=folder)

    return make


RELEASE = (
    "rollout:\n  canary: {policies: [next.yaml], groups: [pilots]}\n  shadow: {policies: [draft.yaml]}\n"
)


def test_a_release_says_which_policy_is_whose(directory: Callable[..., Machine]) -> None:
    loaded = directory(RELEASE).loading.lineup()
    words = {name: one.detectors.words[0].words for name, one in loaded.tracks.items()}
    assert words == {"stable": ("Bluebird",), "canary": ("Kingfisher",), "shadow": ("Goldfinch",)}
    assert loaded.members is not None
    assert exchange(Identity(groups=("pilots",))) in loaded.members


def test_a_canary_that_is_promoted_judges_everybody_until_there_is_another(
    directory: Callable[..., Machine], tmp_path: Path
) -> None:
    machine = directory(RELEASE)
    before = machine.loading.lineup()
    assert before.canary is not None
    machine.loading.store.promote(before.canary.hash)
    promoted = machine.loading.lineup()
    assert (promoted.stable.hash, promoted.canary) == (before.canary.hash, None)
    assert promoted.identity != before.identity
    assert machine.loading.store.promotion in promoted.files
    (tmp_path / "release" / "next.yaml").write_bytes(policy("Nightingale"))
    after = machine.loading.lineup()
    assert (after.stable.hash, after.canary is not None) == (before.stable.hash, True)
    machine.loading.store.promotion.chmod(0o666)
    with pytest.raises(PolicyError, match="others can write"):
        machine.loading.lineup()


def test_a_folder_states_no_code_and_names_no_file_elsewhere_unless_it_may(
    tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    folder, trap, words = tmp_path / "release", tmp_path / "trap", tmp_path / "words.txt"
    folder.mkdir()
    words.write_text("Bluebird\n")
    command = f"known_values: [{{entity: PROJECT, command: [/usr/bin/touch, {trap}]}}]"
    code = policy().replace(b"words: [{entity: PROJECT, words: [Bluebird]}]", command.encode())
    (folder / "policy.yaml").write_bytes(code)
    it = machine(directory=folder)
    for load in (it.loading.lineup, lambda: policies(it.settings)):
        with pytest.raises(PolicyError, match=r"policy.yaml:5:36: `command` is code; .* with `may_run`"):
            load()
    assert not trap.exists()
    with pytest.raises(PolicyError, match="no value in the command"):  # it was run
        machine(directory=folder, may_run=True).loading.lineup()
    assert trap.exists()

    (folder / "policy.yaml").write_bytes(policy().replace(b"words: [Bluebird]", f"file: {words}".encode()))
    with pytest.raises(PolicyError, match=r"words\.txt: outside of the release") as raised:
        machine(directory=folder).loading.lineup()
    mending = {words, folder / "policy.yaml", folder / "release.yaml"}  # a change of any may
    assert mending <= raised.value.files
    assert machine(directory=folder, may_read=[tmp_path]).words() == ("Bluebird",)
    (folder / "words.txt").symlink_to(words)
    (folder / "policy.yaml").write_bytes(policy().replace(b"words: [Bluebird]", b"file: words.txt"))
    with pytest.raises(PolicyError, match="outside of the release"):
        machine(directory=folder).loading.lineup()


def test_the_settings_own_canary_may_name_what_it_likes(
    tmp_path: Path, directory: Callable[..., Machine]
) -> None:
    (tmp_path / "own.yaml").write_bytes(policy("Nightingale"))
    machine = directory(RELEASE)
    own = {"canary": {"policies": [tmp_path / "own.yaml"], "groups": ["pilots"]}}
    values = machine.settings.model_dump(exclude_unset=True) | {"rollout": own}
    canary = Machine(Settings.model_validate(values), []).loading.lineup().canary
    assert canary is not None and canary.detectors.words[0].words == ("Nightingale",)


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ("polices: [policy.yaml]\n", "release.yaml:1:1: unknown key `polices`; did you mean policies"),
        ("rollout: {canary: {policies: [next.yaml]}}\n", "release.yaml:1:19: nobody is meant"),
        ("policies: [/etc/passwd]\n", "release.yaml:1:12: /etc/passwd is not a plain name"),
        (
            "rollout: {shadow: {policies: [../draft.yaml]}}\n",
            "release.yaml:1:31: ../draft.yaml is not a plain",
        ),
        ("policies: [policy.yaml]\npolicies: [next.yaml]\n", "release.yaml:2:1: `policies` is here twice"),
    ],
)
def test_what_is_wrong_with_a_release_is_told_with_its_place(
    release: str, told: str, directory: Callable[..., Machine]
) -> None:
    with pytest.raises(PolicyError) as raised:
        directory(release).loading.lineup()
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({}, "one of `directory`, `git` and `url`"),
        ({"directory": "a", "git": "/b"}, "one of `directory`, `git` and `url`"),
        ({"url": "https://corp.example/a"}, "`url` needs `keys`"),
        ({"url": "http://corp.example/a", "keys": ["a"]}, "not https://"),
        ({"url": "https://kim:secret@corp.example/a", "keys": ["a"]}, "without a query and credentials"),
        ({"url": "https://corp.example:x/a", "keys": ["a"]}, "Port could not be cast"),
        ({"git": "ext::sh -c true"}, "is not https://"),
        ({"git": "http://corp.example/a.git"}, "is not https://"),
        ({"git": "--upload-pack=true"}, "is not https://"),
        ({"git": "/a", "branch": "--all"}, "should match"),
        ({"git": "/a", "branch": "a", "tag": "b"}, "only one of `branch` and `tag`"),
        ({"git": "/a", "verify": "commit"}, "belong together"),
        ({"git": "/a", "allowed_signers": "a"}, "belong together"),
        ({"git": "/a", "verify": "tag", "allowed_signers": "a"}, "needs the name of a `tag`"),
        ({"git": "/a", "keys": ["a"]}, "`keys` is for `url`"),
        ({"directory": "a", "branch": "main"}, "`branch` is for `git`"),
    ],
)
def test_a_source_that_is_none_or_asks_for_less_safety_is_refused(source: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        PolicySource.model_validate(source)
    assert told in str(raised.value)


def test_settings_have_policies_or_a_source_of_them(tmp_path: Path) -> None:
    file = tmp_path / "outgate.yaml"
    file.write_text(
        "policy_source: {url: 'https://corp.example/a', keys: keys/a.pem, may_read: [values]}\n"
        "rollout: {shadow: {policies: draft.yaml}}\n"
    )
    given = Settings.load(file)
    assert given.policy_source is not None
    assert given.rollout.shadow is not None
    assert given.policy_source.keys == (tmp_path / "keys/a.pem",)
    assert given.policy_source.may_read == (tmp_path / "values",)
    assert given.rollout.shadow.policies == (tmp_path / "draft.yaml",)
    with pytest.raises(Exception, match="only one of `policies` and `policy_source`"):
        Settings.load(file, policies=("a.yaml",))


# --- what differs -------------------------------------------------------------------------------

ENDPOINT = Catalogue.load().identify("api.openai.com", "/v1/chat/completions", "POST")


def verdict(outcome: Outcome, *records: tuple[str, Action, str], rule: str | None = None) -> Verdict:
    told = tuple(
        Record(entity, Role.USER, f"messages[{number}]", 1.0, "ab", by, action)
        for number, (entity, action, by) in enumerate(records)
    )
    return Verdict(outcome, rule=rule, records=told, endpoint=ENDPOINT)


CARD_OUT = verdict(Outcome.EDIT, ("CARD", Action.REDACT, "cards"))
CARD_NOTED = verdict(Outcome.FORWARD, ("CARD", Action.AUDIT, "notes"))
CARD_BLOCKED = verdict(
    Outcome.BLOCK, ("CARD", Action.BLOCK, "no cards"), ("MAIL", Action.AUDIT, "notes"), rule="no cards"
)
CLOSED = verdict(Outcome.BLOCK, rule="not approved")
FAILED = verdict(Outcome.REFUSE)
CLEAN = verdict(Outcome.FORWARD)


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (CLEAN, CLEAN, []),
        (CARD_OUT, CARD_OUT, []),
        (CLOSED, CARD_BLOCKED, []),
        (FAILED, CLOSED, []),
        (CARD_OUT, CARD_BLOCKED, [(Kind.WOULD_BLOCK, "", "no cards", "CARD")]),
        (CLEAN, CLOSED, [(Kind.WOULD_BLOCK, "", "not approved", "")]),
        (CLEAN, FAILED, [(Kind.WOULD_BLOCK, "", "on_error", "")]),
        (CARD_BLOCKED, CARD_OUT, [(Kind.WOULD_ALLOW, "no cards", "", "CARD")]),
        (CLOSED, CLEAN, [(Kind.WOULD_ALLOW, "not approved", "", "")]),
        (CARD_OUT, CARD_NOTED, [(Kind.OTHER_ACTION, "cards", "notes", "CARD")]),
        (CLEAN, CARD_OUT, [(Kind.OTHER_ACTION, "", "cards", "CARD")]),
        (CARD_OUT, CLEAN, [(Kind.OTHER_ACTION, "cards", "", "CARD")]),
    ],
)
def test_verdicts_differ_by_kind_rule_and_entity(
    ours: Verdict, theirs: Verdict, found: list[tuple[Kind, str, str, str]]
) -> None:
    told_ = [(one.kind, one.rule, one.shadow_rule, one.entity) for one in differences(ours, theirs)]
    assert told_ == found
    assert all(one.provider == "openai" for one in differences(ours, theirs))


def test_differences_of_several_processes_add_up_with_the_last_references(tmp_path: Path) -> None:
    card = Difference(Kind.WOULD_BLOCK, "", "no cards", "openai", "CARD")
    mail = Difference(Kind.OTHER_ACTION, "notes", "mails", "openai", "MAIL", "audit", "redact")
    tables = [Differences(Store(tmp_path)) for _ in range(2)]
    for number in range(8):
        counted = Counted()
        counted.add(f"og_{number}", 1000.0 + number)
        tables[number % 2].add({("new", "old", card): counted})
    other = Counted()
    other.add("og_x", 1000.0)
    tables[0].add({("new", "old", mail): other, ("before", "old", card): other})
    ((key, first), (_, second)) = tables[1].read("new")
    assert (key, first.count, first.first, first.last) == (("new", "old", card), 8, 1000.0, 1007.0)
    assert first.examples == ["og_7", "og_6", "og_5", "og_4", "og_3"]
    assert second.count == 1
    assert [row["count"] for row in told(tables[0].read(), "entity")] == [9, 1]
    assert told(tables[0].read("new"))[1]["change"] == "audit -> redact"
    assert oct(tables[0].path.stat().st_mode)[-3:] == "600"
    tables[0].forget()
    assert list(tables[1].read()) == []
