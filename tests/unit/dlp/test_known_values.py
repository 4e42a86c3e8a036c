"""A company's own values: found exactly, in linear time, and never kept or told in the clear."""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import pytest

from outgate.dlp import examples, known_values
from outgate.dlp.detector import Text
from outgate.dlp.known_values import ENTITY, KnownValueDetector, KnownValues, KnownValuesError

VALUES = [
    "Bluebird-2049",
    examples.expand("{alnum:24}", 1),
    "p@ss/word with blanks!",
    "straße_überall_9",
    "a.b-c_d.e+f",
]
KEY = bytes(range(32))


def found(text: str, values: list[str] = VALUES) -> list[str]:
    detector = KnownValueDetector([(ENTITY, KnownValues.of(values, KEY))])
    return [text[match.start : match.end] for match in detector.find(Text(text))]


@pytest.mark.parametrize("value", VALUES[:4])
@pytest.mark.parametrize(
    "around", ["{}", "x={};", '{{"k":"{}"}}', "https://u:{}@h", "«{}»", "\ud800{}\u2028", "\n{}\n{}"]
)
def test_a_value_is_found_wherever_it_stands(value: str, around: str) -> None:
    text = around.replace("{{", "{").replace("}}", "}").replace("{}", value)
    assert found(text) == [value] * around.count("{}")


def test_nothing_else_is_found() -> None:
    for value in VALUES[:4]:
        for other in (value[:-1], value[1:], value.swapcase(), value.replace(value[3], "~")):
            assert found(f"x {other} y") == []


def test_a_run_that_goes_on_is_another_word() -> None:
    assert found("xBluebird-2049") == []
    assert found("Bluebirds-2049") == []


def test_values_that_would_be_everywhere_are_left_out_and_counted() -> None:
    known = KnownValues.of(["ab", "12345", "a-b-c-d-e", "", "  ", "longer1", "x" * 9000])
    assert len(known.entries) == 1
    assert known.skipped == 4


def test_only_keyed_hashes_are_kept() -> None:
    known = KnownValues.of(VALUES)
    kept = pickle.dumps(known) + known.to_json().encode() + repr(known).encode()
    for value in VALUES:
        assert value.encode() not in kept
    assert known.key.hex() not in repr(known)
    assert KnownValues.of(VALUES).entries != known.entries  # another process, another key
    assert KnownValues.of(VALUES, KEY).entries == KnownValues.of(reversed(VALUES), KEY).entries


def test_hashes_cross_to_another_process_unchanged() -> None:
    known = KnownValues.of(VALUES, KEY)
    assert KnownValues.from_json(known.to_json()) == known


def test_no_values_find_nothing() -> None:
    assert found("anything at all", []) == []


def test_time_does_not_grow_with_the_number_of_values() -> None:
    text = "some ordinary words and identifiers_like_this, " * 4000

    def seconds(count: int) -> float:
        values = [examples.expand("{alnum:24}", seed) for seed in range(count)]
        detector = KnownValueDetector([(ENTITY, KnownValues.of(values, KEY))])
        started = time.perf_counter()
        assert list(detector.find(Text(text))) == []
        return time.perf_counter() - started

    few = min(seconds(10) for _ in range(3))
    assert min(seconds(2000) for _ in range(2)) < 4 * few + 0.01


def test_a_file_gives_its_lines_without_blanks_and_remarks(tmp_path: Path) -> None:
    path = tmp_path / "values"
    path.write_text("# ours\nBluebird-2049\n\n  spaced out  \n", "utf-8")
    path.chmod(0o600)
    assert known_values.from_file(path) == ["Bluebird-2049", "spaced out"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "values"
    path.write_text("Bluebird-2049\n", "utf-8")
    path.chmod(mode)
    with pytest.raises(KnownValuesError, match="chmod 0600") as refused:
        known_values.from_file(path)
    assert "Bluebird" not in str(refused.value)
    path.chmod(0o640)
    assert known_values.from_file(path)


def test_a_file_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(KnownValuesError, match="absent"):
        known_values.from_file(tmp_path / "absent")
    with pytest.raises(KnownValuesError):
        known_values.from_file(tmp_path)
    path = tmp_path / "latin"
    path.write_bytes(b"stra\xdfe-9\n")
    path.chmod(0o600)
    with pytest.raises(KnownValuesError, match="not UTF-8"):
        known_values.from_file(path)


def test_an_environment_variable_gives_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_VALUES", "Bluebird-2049\nRed-Panda-77")
    assert known_values.from_environment("OUR_VALUES") == ["Bluebird-2049", "Red-Panda-77"]
    with pytest.raises(KnownValuesError, match="OTHER_VALUES"):
        known_values.from_environment("OTHER_VALUES")


def test_a_command_gives_what_it_prints_and_its_failure_tells_no_value() -> None:
    assert known_values.from_command([sys.executable, "-c", "print('Bluebird-2049')"]) == ["Bluebird-2049"]
    failing = "import sys; print('Bluebird-2049', file=sys.stderr); sys.exit(3)"
    with pytest.raises(KnownValuesError, match="status 3") as failed:
        known_values.from_command([sys.executable, "-c", failing])
    assert "Bluebird" not in str(failed.value)
    with pytest.raises(KnownValuesError, match="longer than"):
        known_values.from_command([sys.executable, "-c", "import time; time.sleep(9)"], timeout=0.2)
    with pytest.raises(KnownValuesError, match="cannot be run"):
        known_values.from_command(["/no/such/program"])
    with pytest.raises(KnownValuesError, match="cannot be run"):
        known_values.from_command([])
