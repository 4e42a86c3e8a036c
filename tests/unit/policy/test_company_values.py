"""``known_values:``: a company's own secrets are found; neither they nor what reads them can be had by others."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from outgate import shipped
from outgate.cli.policy import command as policy_command
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine
from outgate.dlp.entities import brought
from outgate.model import Action
from outgate.policy import Policy, PolicyError, load
from outgate.policy.diff import compare
from outgate.policy.lint import skipped

VALUES = ("Bluebird-2049", "correct horse battery 7")
RULES = "rules:\n  - {name: keys, detect: [secrets], action: block}\n"


def written(folder: Path, entry: str, rules: str = RULES) -> Path:
    file = folder / "policy.yaml"
    file.write_text(f"version: 1\ndetectors:\n  known_values:\n    - {{{entry}}}\n{rules}")
    file.chmod(0o600)
    return file


def listed(folder: Path, *values: str) -> None:
    file = folder / "ours.txt"
    file.write_text("# ours\n" + "\n".join(values) + "\n")
    file.chmod(0o600)


def found(policy: Policy, text: str) -> list[tuple[str, str]]:
    (matches,) = Engine(replace(policy.detectors, entities=brought(policy.detectors))).scan([text])
    return [(match.entity, text[match.start : match.end]) for match in matches]


def refused(file: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load([file])
    return str(caught.value)


def test_values_of_a_file_are_found_and_are_secrets(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    policy = load([written(tmp_path, "file: ours.txt")])
    assert found(policy, f"a {VALUES[0]} b {VALUES[1]}") == [("KNOWN_SECRET", value) for value in VALUES]
    assert "KNOWN_SECRET" in (policy.rules[0].entities or ())
    assert tmp_path / "ours.txt" in policy.files


def test_values_of_the_environment_and_of_a_command_are_found_under_their_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_VALUES", "\n".join(VALUES))
    program = json.dumps([sys.executable, "-c", f"print({VALUES[0]!r})"])
    for entry, values in (("environment: OUR_VALUES", VALUES), (f"command: {program}", VALUES[:1])):
        policy = load([written(tmp_path, f"entity: OURS, {entry}")])
        assert found(policy, " or ".join(VALUES)) == [("OURS", value) for value in values]
        assert "OURS" in (policy.rules[0].entities or ())


def test_the_default_policy_blocks_them_once_they_are_configured_and_looks_for_none_before(
    tmp_path: Path,
) -> None:
    default = shipped.policies() / "default.yaml"
    assert "KNOWN_SECRET" not in load([default]).entities
    listed(tmp_path, *VALUES)
    policy = load([default, written(tmp_path, "file: ours.txt", rules="")])
    deciding = next(rule for rule in policy.rules if "KNOWN_SECRET" in (rule.entities or ()))
    assert deciding.action is Action.BLOCK


def test_an_unchanged_policy_is_the_same_and_its_hash_tells_nothing_of_values(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    file = written(tmp_path, "file: ours.txt")
    before = load([file])
    assert load([file]).detectors == before.detectors
    listed(tmp_path, VALUES[0], "another-value-31")
    after = load([file])
    assert after.hash == before.hash
    assert after.detectors != before.detectors
    assert found(after, f"{VALUES[1]} another-value-31") == [("KNOWN_SECRET", "another-value-31")]


def test_neither_a_value_nor_a_hash_shows_and_a_worker_finds_the_same(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    config = load([written(tmp_path, "file: ours.txt")]).detectors
    crossed = DetectorConfig.from_json(config.to_json())
    assert crossed == config
    (known,) = config.known
    secret = [*VALUES, known.values.key.hex(), *(value.hex() for *_, value in known.values.entries)]
    assert not [each for each in secret if each in repr(config)]
    assert not [value for value in VALUES if value in config.to_json()]


@pytest.mark.parametrize(
    ("entry", "place", "says"),
    [
        ("file: absent.txt", ":4:", "No such file"),
        ("environment: OUTGATE_NOT_SET", ":4:", "set it where the proxy is started"),
        ("command: [/no/such/program]", ":4:", "cannot be run"),
        ("command: [./ours.sh]", ":4:", "write the whole path"),
        ("file: a.txt, environment: B", ":4:", "exactly one"),
        ("entity: OURS", ":4:", "exactly one"),
        ("entity: lower case, environment: B", ":4:", "lower case"),
    ],
)
def test_a_place_that_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, entry: str, place: str, says: str
) -> None:
    told = refused(written(tmp_path, entry))
    assert f"policy.yaml{place}" in told
    assert says in told


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    (tmp_path / "ours.txt").chmod(0o644)
    told = refused(written(tmp_path, "file: ours.txt"))
    assert "chmod 0600" in told
    assert not [value for value in VALUES if value in told]


def test_what_is_too_short_is_told_and_nothing_but_that_is_an_error(tmp_path: Path) -> None:
    listed(tmp_path, VALUES[0], "abc", "x-y-z-1-2")
    file = written(tmp_path, "file: ours.txt")
    (warning,) = skipped(load([file]))
    assert "2 of the values from the file ours.txt" in warning
    done = CliRunner().invoke(policy_command, ["check", str(file)])
    assert (done.exit_code, warning in done.stderr) == (0, True)
    listed(tmp_path, "abc")
    assert "too short" in refused(file)
    listed(tmp_path)
    assert "no value" in refused(file)


def test_a_rule_for_known_secrets_needs_some(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nrules: [{name: keys, detect: [KNOWN_SECRET], action: block}]\n")
    assert "known_values" in refused(file)


@pytest.mark.parametrize("which", ["policy.yaml", "."])
def test_a_command_is_refused_where_others_could_state_another(tmp_path: Path, which: str) -> None:
    trap = tmp_path / "trap"
    program = json.dumps([sys.executable, "-c", f"open({str(trap)!r}, 'w')"])
    file = written(tmp_path, f"command: {program}")
    (tmp_path / which).chmod(0o722 if which == "." else 0o622)
    told = refused(file)
    assert "policy.yaml:4:" in told
    assert "chmod go-w" in told
    assert not trap.exists()


def test_a_command_is_refused_in_the_file_of_another_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    file = written(tmp_path, "command: ['true']")
    os.chown(file, 65534, -1)
    assert "belongs to another" in refused(file)


def test_a_policy_is_reviewed_without_running_its_commands(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    program = json.dumps([sys.executable, "-c", f"open({str(trap)!r}, 'w'); print({VALUES[0]!r})"])
    file = written(tmp_path, f"command: {program}")
    other = tmp_path / "other.yaml"
    other.write_text(file.read_text().replace("print", "input or print"))
    other.chmod(0o600)
    assert CliRunner().invoke(policy_command, ["check", "--no-model", str(file)]).exit_code == 0
    done = CliRunner().invoke(policy_command, ["diff", str(file), str(other)])
    assert (done.exit_code, "KNOWN_SECRET" in done.stdout) == (1, True)
    assert not trap.exists()
    assert CliRunner().invoke(policy_command, ["check", str(file)]).exit_code == 0
    assert trap.exists()


def test_a_value_that_is_not_looked_for_any_more_is_a_difference(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    file = written(tmp_path, "file: ours.txt")
    old = load([file])
    listed(tmp_path, *VALUES, "another-value-31")
    more = load([file])
    assert not compare(old, more, ()).laxer
    assert compare(more, old, ()).detectors == ("KNOWN_SECRET",)


def test_explain_tells_where_a_value_is_and_not_what_it_is(tmp_path: Path) -> None:
    listed(tmp_path, *VALUES)
    file = written(tmp_path, "file: ours.txt")
    done = CliRunner().invoke(policy_command, ["explain", "--policy", str(file)], input=f"is it {VALUES[0]}?")
    assert done.exit_code == 0
    assert "KNOWN_SECRET" in done.output
    assert VALUES[0] not in done.output
