"""The systemd unit: systemd takes it, finds little to expose, and it fits its settings."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from outgate.settings import Settings
from programs import program

SYSTEMD = Path(__file__).parents[3] / "deploy" / "systemd"
UNIT = (SYSTEMD / "outgate.service").read_text()


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there: whether it exists is looked at, too."""
    file = tmp_path / "outgate.service"
    file.write_text(UNIT.replace("/opt/outgate/bin/outgate run", "/bin/true run"))
    return file


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file alone")
    return done


def test_systemd_takes_the_unit_without_a_warning(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_takes_no_unit_with_a_mistake(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilegs=yes"))
    assert "NoNewPrivilegs" in analyze("verify", "--man=no", unit).stderr


def test_the_service_exposes_little(unit: Path) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", "--threshold=15", unit)
    assert done.returncode == 0, done.stdout


def test_the_unit_fits_its_user_and_its_settings() -> None:
    settings = Settings.load(SYSTEMD / "outgate.yaml")
    state = re.findall(r"^StateDirectory=(.*)", UNIT, re.MULTILINE)
    assert settings.state_dir == Path("/var/lib") / state[0]
    assert f"ConditionPathExists={settings.ca_dir}/root.pem" in UNIT
    (user,) = re.findall(r"^User=(.*)", UNIT, re.MULTILINE)
    assert (SYSTEMD / "sysusers.conf").read_text().startswith(f"u {user} ")
    assert "Environment=OUTGATE_CONFIG=/etc/outgate/outgate.yaml" in UNIT
    assert "ca init" not in "\n".join(line for line in UNIT.splitlines() if not line.startswith("#"))
