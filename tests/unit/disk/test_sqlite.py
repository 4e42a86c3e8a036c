"""SQLite files: one connection to the file that is there, tables of one version, all of a transaction or nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from outgate.disk.private import own_file
from outgate.disk.sqlite import SqliteFile, SqliteThread, connect, make_tables, transaction

TABLES = """
CREATE TABLE a (x INTEGER);
CREATE TRIGGER doubled AFTER INSERT ON a BEGIN
    UPDATE a SET x = 2 * x WHERE rowid = NEW.rowid;
END;
CREATE TABLE b (x INTEGER)
"""


class OurError(Exception):
    """The asking room's."""


def prepared(connection: sqlite3.Connection) -> None:
    make_tables(connection, TABLES, 1, "here", OurError)


def failed(name: str) -> OurError:
    return OurError(f"failed: {name}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "files" / "a.db"


@pytest.fixture
def file(path: Path) -> SqliteFile:
    return SqliteFile(path, partial(own_file, error=OurError), prepared)


def rows(file: SqliteFile) -> list[int]:
    return [x for (x,) in file.connection().execute("SELECT x FROM a")]


def test_the_statements_of_a_script_are_told_apart(file: SqliteFile) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (1)")
        connection.execute("INSERT INTO b VALUES (1)")
    assert rows(file) == [2]
    file.close()


def test_tables_of_another_version_are_left_alone(file: SqliteFile, path: Path) -> None:
    file.connection().execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(OurError, match=r"here: of another version of Outgate \(2\)"):
        file.connection()
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_script_that_fails_leaves_no_tables(path: Path) -> None:
    own_file(path, OurError)
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            make_tables(connection, "CREATE TABLE a (x);\nCREATE TABLE a (y);\n", 1, "here", OurError)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        prepared(connection)


def test_what_is_broken_off_is_not_done(file: SqliteFile) -> None:
    with pytest.raises(ZeroDivisionError), file.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (1)")
        raise ZeroDivisionError
    assert rows(file) == []
    file.close()


@pytest.mark.parametrize("gone", [True, False], ids=["removed", "replaced"])
def test_a_file_that_is_another_one_now_is_opened_anew(file: SqliteFile, path: Path, gone: bool) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (1)")
    for each in path.parent.iterdir():
        each.unlink()
    if not gone:
        own_file(path, OurError)
    assert rows(file) == []
    assert file.connection() is not connection
    file.close()


def test_memory_outlives_an_error(path: Path) -> None:
    memory = SqliteFile(None, partial(own_file, error=OurError), prepared)
    memory.connection().execute("INSERT INTO a VALUES (1)")
    with pytest.raises(OurError, match="failed: SQLITE_ERROR"), memory.told(failed):
        memory.connection().execute("SELECT nothing")
    assert rows(memory) == [2]
    assert not path.parent.exists()


@pytest.mark.parametrize("busy", [False, True])
def test_after_an_error_the_file_is_opened_anew_unless_another_process_was_only_at_work(
    file: SqliteFile, path: Path, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    monkeypatch.setattr("outgate.disk.sqlite.PATIENCE", 0.01)
    before = file.connection()
    with closing(connect(path)) as other, pytest.raises(OurError), file.told(failed):
        if busy:
            with transaction(other):
                before.execute("BEGIN IMMEDIATE")
        else:
            before.execute("SELECT nothing")
    assert (file.connection() is before) is busy
    file.close()


async def test_all_work_is_done_in_the_one_thread_until_it_is_closed(file: SqliteFile) -> None:
    thread = SqliteThread(file, "ours", failed, lambda: OurError("closed"))
    add = partial(thread.run, lambda: file.connection().execute("INSERT INTO a VALUES (1)").rowcount)
    assert await asyncio.gather(*(add() for _ in range(5))) == [1] * 5
    with pytest.raises(OurError, match="failed: SQLITE_ERROR"):
        await thread.run(lambda: file.connection().execute("SELECT nothing"))
    await thread.close()
    await thread.close()
    with pytest.raises(OurError, match="closed"):
        await add()
