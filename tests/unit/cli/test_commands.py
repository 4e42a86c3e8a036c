"""The command line as a person uses it, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def outgate(*arguments: str, home: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT / "proxy")}
    return subprocess.run(
        [sys.executable, "-m", "outgate", *arguments],
        input=stdin,
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_help_lists_every_command_without_loading_the_proxy(tmp_path: Path) -> None:
    done = outgate("--help", home=tmp_path)
    assert done.returncode == 0
    for name in ("run", "demo", "exec", "scan", "redact", "policy", "ca", "pac", "audit", "doctor"):
        assert f"  {name} " in done.stdout
    code = (
        "import sys, outgate.cli; assert not {'mitmproxy', 'presidio_analyzer', 'spacy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "proxy")}, check=True)


def test_a_ca_is_made_shown_exported_and_renewed(tmp_path: Path) -> None:
    refused = outgate("ca", "show", home=tmp_path)
    assert refused.returncode == 2
    assert "outgate ca init" in refused.stderr
    assert outgate("ca", "init", home=tmp_path).returncode == 0
    assert outgate("ca", "init", "--if-missing", home=tmp_path).returncode == 0
    assert outgate("ca", "init", home=tmp_path).returncode == 2
    assert "Outgate CA" in outgate("ca", "show", home=tmp_path).stdout
    before = outgate("ca", "export", home=tmp_path).stdout
    assert before.startswith("-----BEGIN CERTIFICATE-----")
    assert outgate("ca", "rotate", home=tmp_path).returncode == 0
    assert outgate("ca", "export", home=tmp_path).stdout == before


def test_run_refuses_without_a_ca_and_beyond_loopback_without_a_list(tmp_path: Path) -> None:
    assert "outgate ca init" in outgate("run", home=tmp_path).stderr
    outgate("ca", "init", home=tmp_path)
    refused = outgate("run", "--listen", "0.0.0.0:0", home=tmp_path)
    assert refused.returncode == 2
    assert "clients" in refused.stderr


def test_the_demo_shows_what_left_and_what_did_not(tmp_path: Path) -> None:
    done = outgate("demo", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[REDACTED" in done.stdout
    assert len(re.findall(r"\b403 [A-Z]", done.stdout)) == 2  # a reference may have these digits, too


def test_the_shipped_policy_passes_its_check(tmp_path: Path) -> None:
    done = outgate("policy", "check", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
