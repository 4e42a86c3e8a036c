"""The pictures of the README: what they show is so, and they need nothing but themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from outgate.cli.scan import enabled
from outgate.dlp.engine import Engine
from programs import program

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PICTURES = sorted(DOCS.glob("*.svg"))


def text_of(picture: str) -> str:
    """What can be read in it."""
    return " ".join(unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture))


def test_the_picture_of_the_demo_shows_what_the_demo_prints(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "proxy")}
    command = [sys.executable, "-P", str(DOCS / "pictures.py"), str(tmp_path)]
    command += ["demo.svg", "block-page.png", "report.png"]
    subprocess.run(command, check=True, env=environment, timeout=90)
    shown = text_of((DOCS / "demo.svg").read_text(encoding="utf-8"))
    assert "[REDACTED" in shown and "nothing" in shown
    made = text_of((tmp_path / "demo.svg").read_text(encoding="utf-8"))
    assert shown == made, "docs/demo.svg is stale: make pictures"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_whole_by_itself(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    tree = ElementTree.fromstring(text)
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    assert tree.findtext("{http://www.w3.org/2000/svg}title")
    # GitHub shows pictures with no scripts and nothing fetched for them.
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not addresses
    assert not re.search(r"<script|<foreignObject|\bon\w+=|@import|url\((?!#)", text)


def test_the_drawn_picture_has_colours_for_light_and_for_dark() -> None:
    text = (DOCS / "request.svg").read_text(encoding="utf-8")
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style
    light, dark = style[1].split("@media (prefers-color-scheme: dark)")
    coloured = set(re.findall(r"\.([a-z]+)[^{}]*{[^}]*#", light))
    assert {"paper", "red"} <= coloured <= set(re.findall(r"\.([a-z]+)", dark))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_drawn(picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "picture.png"
    command = [program("rsvg-convert"), "--width", "830", "--output", target, picture]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert target.stat().st_size > 10_000


@pytest.mark.parametrize("file", [*PICTURES, ROOT / "README.md"], ids=lambda path: path.name)
def test_no_file_that_is_looked_at_holds_what_a_scanner_takes_for_a_secret(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = Engine(enabled(["secrets"])).scan([text, text_of(text)])
    assert [[match.entity for match in matches if match.score >= 0.8] for matches in found] == [[], []]
