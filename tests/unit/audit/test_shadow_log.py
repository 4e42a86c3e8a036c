"""The list of unopened AI services: whole over several processes, bounded, forgotten in time, and never in the way."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outgate.audit import shadow
from outgate.audit.shadow import ShadowLog, Sighting, read
from outgate.audit.sink import AuditError
from outgate.disk.private import closed_file
from outgate.settings.shadow import Shadow

KEY = b"k" * 32
NOW = time.time()


def seen(host: str, who: str = "kim", *, ago: float = 0, connections: int = 1, sent: int = 0) -> Sighting:
    return Sighting(host, "a rule", who, NOW - ago, connections, sent)


def write(path: Path, sightings: Sequence[Sighting], **settings: float) -> None:
    log = ShadowLog(path, KEY, Shadow.model_validate(settings))
    for sighting in sightings:
        log.add(sighting)
    log.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shadow" / "shadow.db"


def test_connections_people_bytes_and_times_add_up(path: Path) -> None:
    write(
        path, [seen("a.ai", ago=60), seen("a.ai", "lee"), seen("b.ai"), seen("a.ai", connections=0, sent=70)]
    )
    write(path, [seen("a.ai", "kim", ago=120), seen("a.ai", connections=0, sent=7)])
    first, second = read(path)
    assert (first.host, first.connections, first.people, first.sent) == ("a.ai", 3, 2, 77)
    assert (first.first, first.last) == tuple(datetime.fromtimestamp(int(NOW - ago), UTC) for ago in (120, 0))
    assert (second.host, second.connections, second.sent) == ("b.ai", 1, 0)
    assert [one.host for one in read(path, datetime.now(UTC) + timedelta(hours=1))] == []


def test_nothing_was_seen_and_nothing_is_made(path: Path) -> None:
    ShadowLog(path, KEY, Shadow()).close()
    assert read(path) == []
    assert not path.parent.exists()


def test_several_processes_add_to_one_list(path: Path) -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[3:]\n"
        "from pathlib import Path; import time\n"
        "from outgate.audit.shadow import ShadowLog, Sighting\n"
        "from outgate.settings.shadow import Shadow\n"
        "log = ShadowLog(Path(sys.argv[1]), b'k' * 32, Shadow())\n"
        "for n in range(200): log.add(Sighting('a.ai', 'r', f'{sys.argv[2]}{n % 10}', time.time()))\n"
        "log.close(30)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name, *sys.path]) for name in ("a", "b")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    (one,) = read(path)
    assert (one.connections, one.people) == (400, 20)


def test_what_is_old_is_forgotten_with_its_people(path: Path) -> None:
    write(path, [seen("old.ai", ago=11 * 86_400), seen("new.ai", ago=9 * 86_400)], max_age_days=10)
    assert [one.host for one in read(path)] == ["new.ai"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT host FROM people").fetchall() == [("new.ai",)]


def test_names_that_a_client_makes_up_do_not_push_out_what_people_use(path: Path) -> None:
    made_up = [seen(f"x{number}.ai", "mallory") for number in range(50)]
    used = [seen("z-used.ai", who, ago=3600) for who in ("kim", "lee")]
    write(path, [*used, *made_up], max_hosts=10)
    kept = read(path)
    assert len(kept) == 10
    assert kept[0].host == "z-used.ai"


def test_more_people_than_are_told_apart_are_as_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "MOST_PEOPLE", 3)
    write(path, [seen("a.ai", f"p{number}") for number in range(9)])
    (one,) = read(path)
    assert (one.people, one.connections) == (3, 9)


def test_a_host_is_told_once_and_a_flood_of_them_not_line_by_line(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "outgate"):
        write(path, [seen("a.ai"), seen("a.ai")])
        write(path, [seen("a.ai")])
        assert len([one for one in caplog.records if "a.ai" in one.getMessage()]) == 1
        write(path, [seen(f"x{number}.ai") for number in range(500)])
    assert len(caplog.records) == 21


def test_a_list_that_cannot_be_written_is_told_once_and_nobody_waits(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "INTERVAL", 0.01)
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)
    log = ShadowLog(path, KEY, Shadow())
    for number in range(3):
        started = time.perf_counter()
        log.add(seen(f"x{number}.ai"))
        assert time.perf_counter() - started < 0.5
        time.sleep(0.1)
    log.close()
    (told,) = [record.getMessage() for record in caplog.records]
    assert "open to other users" in told
    assert not path.exists()


def test_a_list_of_another_version_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, [seen("a.ai")])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    write(path, [seen("a.ai")])
    assert "another version" in caplog.records[-1].getMessage()
    with pytest.raises(AuditError, match="another version"):
        read(path)


def test_a_list_that_is_just_being_made_is_empty(path: Path) -> None:
    closed_file(path, AuditError)
    assert read(path) == []


def test_a_file_that_is_no_list_is_told(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"something else, and long enough to be looked at " * 30)
    with pytest.raises(AuditError, match=r"shadow\.db"):
        read(path)
