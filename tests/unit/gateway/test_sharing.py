"""What workers share: sockets, seats, what the settings give, and one supervisor to a folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from outgate.gateway import notify
from outgate.gateway.pidfile import Pidfile, holder
from outgate.gateway.problem import GatewayError
from outgate.gateway.seats import Seats
from outgate.gateway.shares import share_of
from outgate.gateway.sockets import Sockets
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from outgate.settings.workers import cores

ADDRESS = ("127.0.0.1", 0)


# --- sockets ---------------------------------------------------------------------------------


def test_a_connection_waits_for_another_process_when_one_has_ended() -> None:
    bound = Sockets.bound([ADDRESS])
    ((host, port, descriptor),) = bound.descriptors()
    first, second = Sockets.inherited([(host, port, os.dup(descriptor))]), bound
    (one,) = first.take(*ADDRESS)
    with socket.create_connection(one.getsockname(), 5) as client:
        one.close()
        (other,) = second.take(*ADDRESS)
        with other, other.accept()[0] as accepted:
            client.sendall(b"still here")
            assert accepted.recv(100) == b"still here"


def test_what_was_not_handed_on_cannot_be_taken() -> None:
    sockets = Sockets.bound([ADDRESS])
    for one in sockets.take(*ADDRESS):
        one.close()
    with pytest.raises(OSError, match="not among the sockets"):
        sockets.take(*ADDRESS)


def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0

    (one,) = Sockets.bound([ADDRESS]).take(*ADDRESS)
    with one:
        before = descriptors()
        with pytest.raises(OSError):
            Sockets().take(*one.getsockname())
        assert descriptors() == before


def test_a_name_with_several_addresses_has_one_port() -> None:
    found = Sockets().take("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in found}) == 1
    finally:
        for one in found:
            one.close()


def test_what_systemd_opened_is_used() -> None:
    """As sd_listen_fds(3) has it: descriptors from 3 on, for the process of that id alone."""
    program = (
        "import os, sys\n"
        "os.environ['LISTEN_PID'] = str(os.getpid() + int(sys.argv[1])); os.environ['LISTEN_FDS'] = '1'\n"
        "os.dup2(int(sys.argv[2]), 3)\n"
        "from outgate.gateway.sockets import Sockets\n"
        "(one,) = Sockets().take('127.0.0.1', int(sys.argv[3]))\n"
        "print(one.fileno())\n"
    )
    (theirs,) = Sockets.bound([ADDRESS]).take(*ADDRESS)
    descriptor, port = theirs.fileno(), str(theirs.getsockname()[1])

    def run(off: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, str(off), str(descriptor), port],
            capture_output=True,
            text=True,
            pass_fds=[descriptor],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=60,
        )

    with theirs:
        assert run(0).stdout == "3\n"
        assert "Address already in use" in run(1).stderr  # it was opened for somebody else


# --- seats -----------------------------------------------------------------------------------


def test_who_has_fewest_connections_has_the_next_one() -> None:
    memory = Seats.made(4)
    one, other = Seats(memory, 0), Seats(memory, 1)
    one.sit(0)
    assert not one.is_behind()
    other.sit(0)
    assert not one.is_behind() and not other.is_behind()
    one.sit(1)
    assert one.is_behind() and not other.is_behind()
    other.leave()  # it accepts no more, however few it has
    assert not one.is_behind()
    other.sit(0)
    one.leave(1)  # its supervisor says that it has ended
    assert not one.is_behind()


# --- what the settings give ------------------------------------------------------------------


def test_what_is_for_all_is_divided_and_what_is_for_one_is_not() -> None:
    settings = Settings.model_validate(
        {
            "detection": {"workers": 3, "queue_limit": 256, "deadline": 7},
            "limits": {"connections": 5, "body": 2048},
        }
    )
    share = share_of(settings, 2)
    assert (share.detection.workers, share.detection.queue_limit, share.detection.deadline) == (2, 128, 7)
    assert (share.limits.connections, share.limits.body) == (3, 2048)
    assert share.limits.buffered * 2 == settings.limits.buffered
    assert share_of(settings, 256).limits.buffered >= settings.limits.body
    assert Settings.model_validate(share.model_dump(mode="json", exclude_unset=True)) == share


@pytest.mark.parametrize(
    "given",
    [
        {"mode": ["local:curl"]},
        {"mode": ["wireguard@51820"]},
        {"vault": {"store": "memory"}},
        {"budgets": {"store": "memory"}},
    ],
)
def test_what_belongs_to_one_process_has_one(given: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="there can be only one"):
        Settings.load(Path(os.devnull), workers=2, **given)
    assert Settings.load(Path(os.devnull), workers="auto", **given).workers.number == 1


def test_auto_is_a_worker_for_each_core() -> None:
    assert Settings.load(Path(os.devnull), workers="auto").workers.number == len(cores())
    assert Settings.load(Path(os.devnull), workers="3").workers.number == 3
    assert Settings.load(Path(os.devnull)).workers.number == 1
    with pytest.raises(SettingsError, match="workers"):
        Settings.load(Path(os.devnull), workers="many")


def test_every_address_of_tcp_is_bound() -> None:
    settings = Settings.model_validate(
        {
            "listen": "[::1]:8080",
            "mode": ["regular", "socks5@1080", "transparent@0.0.0.0:9000"],
            "clients": ["10.0.0.0/8"],
            "reverse": {"openai": 8081},
        }
    )
    assert settings.tcp_addresses == (
        ("::1", 8080),
        ("::1", 1080),
        ("0.0.0.0", 9000),
        ("127.0.0.1", 8081),
    )


# --- one supervisor to a folder, and what systemd is told ------------------------------------


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with Pidfile(tmp_path):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(GatewayError, match="another proxy that runs"):
            Pidfile(tmp_path).__enter__()
    assert holder(tmp_path) is None


def test_systemd_is_told_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(place))
        told.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(place))
        notify.tell("READY=1")
        assert told.recv(100) == b"READY=1"
        notify.forget()
        notify.tell("READY=1")
        told.setblocking(False)
        with pytest.raises(BlockingIOError):
            told.recv(100)
