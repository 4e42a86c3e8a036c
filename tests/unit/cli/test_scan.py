"""``outgate scan`` and ``outgate redact`` as a program calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import made_files
from outgate.cli.redact import command as redact
from outgate.cli.scan import command as scan

ADDRESS = "kim.roe" + "@northwind-mail.com"


def test_each_line_is_answered_in_order_with_code_point_offsets() -> None:
    lines = [{"id": 1, "text": f"\U0001f600 {ADDRESS}"}, {"id": "b", "text": "nothing here"}]
    result = CliRunner().invoke(
        scan,
        ["--jsonl", "--detect", "EMAIL_ADDRESS"],
        input="".join(json.dumps(line) + "\n" for line in lines),
    )
    first, second = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, first["id"], second) == (0, 1, {"id": "b", "findings": []})
    (finding,) = first["findings"]
    assert (finding["start"], finding["end"], finding["entity"]) == (2, 2 + len(ADDRESS), "EMAIL_ADDRESS")


@pytest.mark.parametrize("bad", ["not json", "[]", '{"id": 1}', '{"id": 1, "text": 5}'])
def test_a_malformed_line_is_told_by_number_without_its_text_and_the_rest_goes_on(bad: str) -> None:
    good = json.dumps({"id": 2, "text": ADDRESS})
    result = CliRunner().invoke(scan, ["--jsonl", "--detect", "EMAIL_ADDRESS"], input=f"{bad}\n{good}\n")
    assert result.exit_code == 2
    assert "line 1" in result.stderr
    assert bad not in result.stderr
    assert json.loads(result.stdout)["findings"]


def test_findings_of_a_file_are_placed_and_never_quoted() -> None:
    result = CliRunner().invoke(scan, ["--json", "--detect", "EMAIL_ADDRESS"], input=f"one\ntwo {ADDRESS}\n")
    (row,) = json.loads(result.stdout)
    assert (result.exit_code, row["line"], row["column"]) == (1, 2, 5)
    assert ADDRESS not in result.stdout


def a_tree(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / ".git").mkdir()
    (folder / "src" / "notes a.txt").write_text(f"\U0001f600 first\nmail {ADDRESS}\n")
    (folder / "src" / "clean.txt").write_text("nothing")
    (folder / "image.bin").write_bytes(b"\0" + ADDRESS.encode())
    (folder / ".git" / "config").write_text(ADDRESS)
    (folder / "link.txt").symlink_to(folder / "src" / "notes a.txt")


def test_a_folder_is_scanned_but_for_what_is_no_text_of_its_own(tmp_path: Path) -> None:
    a_tree(tmp_path)
    result = CliRunner().invoke(scan, ["--json", "--detect", "EMAIL_ADDRESS", str(tmp_path)])
    (row,) = json.loads(result.stdout)
    assert (result.exit_code, row["file"]) == (1, str(tmp_path / "src" / "notes a.txt"))
    assert "not scanned: 1 (binary)" in result.stderr
    assert "not scanned: 1 (no regular file)" in result.stderr


def test_sarif_places_each_finding_and_quotes_none(tmp_path: Path) -> None:
    a_tree(tmp_path)
    result = CliRunner().invoke(scan, ["--sarif", "--detect", "EMAIL_ADDRESS", str(tmp_path)])
    (run,) = json.loads(result.stdout)["runs"]
    (one,) = run["results"]
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/src/notes%20a.txt")
    assert place["region"] == {
        "startLine": 2,
        "startColumn": 6,
        "charOffset": 13,
        "charLength": len(ADDRESS),
    }
    assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == "EMAIL_ADDRESS"
    assert ADDRESS not in result.stdout


def test_a_file_that_is_named_twice_is_scanned_once(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(ADDRESS)
    result = CliRunner().invoke(scan, ["--json", "--detect", "EMAIL_ADDRESS", str(file), str(tmp_path)])
    assert len(json.loads(result.stdout)) == 1


def test_an_unknown_entity_is_bad_usage() -> None:
    assert CliRunner().invoke(scan, ["--detect", "NO_SUCH_THING"], input="").exit_code == 2


def test_redact_takes_out_what_is_found_and_keeps_every_other_byte() -> None:
    result = CliRunner().invoke(
        redact, ["--detect", "EMAIL_ADDRESS"], input=b"\xff a " + ADDRESS.encode() + b" b\r\n"
    )
    assert result.stdout_bytes == b"\xff a [REDACTED EMAIL_ADDRESS] b\r\n"


def test_documents_and_archives_of_a_folder_are_read_and_their_places_told(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(made_files.pdf("x", f"mail {ADDRESS}"))
    (tmp_path / "b.zip").write_bytes(made_files.packed({"c.docx": made_files.word(ADDRESS)}))
    (tmp_path / "d.pdf").write_bytes(made_files.pdf("x", password="made up"))
    result = CliRunner().invoke(scan, ["--json", "--detect", "EMAIL_ADDRESS", str(tmp_path)])
    found = [(Path(row["file"]).name, row["place"], row["line"]) for row in json.loads(result.stdout)]
    assert found == [("a.pdf", "page 2", 1), ("b.zip", "file c.docx, text", 1)]
    assert "not scanned: 1 (encrypted)" in result.stderr
    assert ADDRESS not in result.stdout
