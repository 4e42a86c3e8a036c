"""Makes the pictures of docs/ that show what is really so: `make pictures`, or `pictures.py FOLDER [NAME...]`.

demo.svg is what `outgate demo` does; a test runs this and compares it, so that it cannot become stale unseen. The
others need Chromium: block-page.png, and of the made-up week of docs/week.py report.png; dashboard.png and
dashboard-rows.png, the panels of the Grafana dashboard (see docs/dashboard), need Prometheus too, and two minutes.
request.svg and fleet.svg are drawn by hand.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from outgate.cli.demo import Step, play, table
from outgate.cli.report import command as reports
from outgate.gateway import errors
from outgate.gateway.block_page import Stopped

sys.path.insert(0, str(Path(__file__).parent))
import week
from dashboard.page import WIDTH as DASHBOARD_WIDTH
from dashboard.page import page as dashboard_page
from dashboard.panels import Span
from dashboard.prometheus import prometheus
from dashboard.scrapes import DAYS, STEP, scrapes

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboard.json"

WIDTH = 112  # columns

# No fonts from elsewhere: GitHub shows pictures without fetching anything for them.
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>outgate demo</title>
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def publishable(step: Step) -> Step:
    """Without what differs from run to run, and without a whole token, which scanners would take for a live one."""
    text = re.sub(r"(ghp_\w{8})\w+", r"\1...", step.text)
    secrets = tuple(re.sub(r"(ghp_\w{8})\w+", r"\1...", secret) for secret in step.secrets)
    told = re.sub(r"og_[0-9a-f]{16}", "og_7d1f0c52a9be3468", step.told)
    return replace(step, text=text, secrets=secrets, told=told)


def demo() -> str:
    """The picture of the demo."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.assemble(("$ ", "green"), "outgate demo"))
    console.print(table(publishable(step) for step in play()))
    return console.export_svg(title="outgate demo", code_format=SVG, unique_id="demo")


def block_page(target: Path, browser: str) -> None:
    """The picture of the page that a person gets in the place of a site."""
    stopped = Stopped("chatgpt.com", "ChatGPT", "credentials never leave", ("GITHUB_TOKEN",), by_rule=True)
    message = "A live credential must not leave. Rotate it if it was pasted elsewhere."
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_bytes(errors.answer("generic", 403, message, "og_7d1f0c52a9be3468", html=stopped).body)
        photographed(page, target, browser, "800,600")


def report(target: Path, browser: str) -> None:
    """The picture of the report's first sections, of the made-up week."""
    with tempfile.TemporaryDirectory() as folder:
        config, page = Path(folder) / "outgate.yaml", Path(folder) / "report.html"
        week.write(Path(folder), week.events(week.World.made()))
        config.write_text(
            f"state_dir: {folder}\nreports: {{organisation: Northwind (made up)}}\n", encoding="utf-8"
        )
        line = ["--config", str(config), "risk", "--from", f"{week.MONDAY:%Y-%m-%d}", "--html", str(page)]
        reports.main(line, standalone_mode=False)
        photographed(page, target, browser, "880,1634")


def dashboard(targets: dict[Path, bool], browser: str) -> None:
    """Pictures of the dashboard, of the made-up week: of the rows that are open at first, or (True) of the others."""
    with tempfile.TemporaryDirectory() as folder:
        told = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        span = Span(week.MONDAY, week.MONDAY + timedelta(days=DAYS) - STEP, STEP)
        with prometheus(scrapes(week.World.made()), Path(folder), step=STEP) as answering:
            for target, folded in targets.items():
                text, height = dashboard_page(told, answering, span, folded=folded)
                page = Path(folder) / "dashboard.html"
                page.write_text(text, encoding="utf-8")
                photographed(page, target, browser, f"{DASHBOARD_WIDTH},{height}")


def photographed(page: Path, target: Path, browser: str, size: str) -> None:
    """A picture of a page, as a browser shows it."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile")
        picture = (f"--screenshot={target.resolve()}", f"--window-size={size}", page.as_uri())
        subprocess.run([browser, *options, *picture], check=True, capture_output=True, timeout=60)  # noqa: S603


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    wanted = sys.argv[2:] or [
        "demo.svg",
        "block-page.png",
        "report.png",
        "dashboard.png",
        "dashboard-rows.png",
    ]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if "demo.svg" in wanted:
        (folder / "demo.svg").write_text(demo(), encoding="utf-8")
    if chromium and "block-page.png" in wanted:
        block_page(folder / "block-page.png", chromium)
    if chromium and "report.png" in wanted:
        report(folder / "report.png", chromium)
    of_dashboard = {"dashboard.png": False, "dashboard-rows.png": True}
    chosen = {folder / name: folded for name, folded in of_dashboard.items() if name in wanted}
    if chromium and chosen and shutil.which("prometheus") and shutil.which("promtool"):
        dashboard(chosen, chromium)
