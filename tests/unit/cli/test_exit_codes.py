"""What each command ends with: the exit codes that its ``--help`` states, one case for each."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from made_exchanges import EXCHANGE
from outgate.audit import AuditEvent, AuditLog
from outgate.audit.chain import Entry, Head, Sealed
from outgate.catalogue import Catalogue
from outgate.cli import main
from outgate.dlp.examples import fake
from outgate.feedback.store import Store
from outgate.gateway import ca
from outgate.model import Action, Endpoint, Outcome, Provider, Record, Role, Verdict
from outgate.policy.exceptions import EVERYONE
from outgate.rollout import signing
from outgate.rollout.bundle import pack
from outgate.rollout.release import gathered
from outgate.settings import Settings

ROOT = Path(__file__).parents[3]
REFERENCE = "og_00000000000000aa"
COACHED = "og_00000000000000bb"  # its rule takes reasons
FILES = {
    "empty.txt": "",
    "clean.txt": "What is a monad?",
    "strict.yaml": "version: 1\nrules:\n  - {name: keys, detect: [secrets], action: block}\n",
    "lax.yaml": "version: 1\nrules:\n  - {name: keys, detect: [secrets], action: allow}\n",
    "broken.yaml": "version: 1\nrules:\n  - {name: keys, detekt: [secrets]}\n",
    "settings.yaml": "listen: nowhere\n",
    "no-audit.yaml": "audit: {sink: none}\n",
    "no-key.yaml": "audit: {key: {environment: OUTGATE_NO_SUCH_KEY}}\n",
    "coach-settings.yaml": "policies: [coach.yaml]\n",
    "coach.yaml": (
        "version: 1\nrules:\n  - {name: code names, detect: [PROJECT], action: block, coach: true}\n"
        "detectors:\n  words:\n    - {entity: PROJECT, words: [Bluebird]}\n"
    ),
    "no-vault.yaml": "vault: {store: memory}\n",
    "no-server.yaml": "vault: {store: valkey, url: 'valkey://127.0.0.1:1'}\n",
    "no-ca.yaml": "state_dir: elsewhere\n",
    "away.yaml": "policy_source: {directory: nowhere}\n",
    "tracks.yaml": (
        "policies: [strict.yaml]\n"
        "rollout: {canary: {policies: [lax.yaml], percent: 5}, shadow: {policies: [lax.yaml]}}\n"
    ),
    "half-covered.yaml": "catalogue: more.yaml\n",
    "more.yaml": (
        "providers:\n  acme: {name: Acme, operator: Acme, jurisdiction: DE, category: api,"
        " hosts: [ai.acme.example], source: made up}\n"
    ),
    "strict.test.yaml": (
        'cases:\n  - {name: a key, given: {text: "{{fake:GITHUB_TOKEN}}"}, expect: {outcome: block}}\n'
    ),
    "lax.test.yaml": (
        'cases:\n  - {name: a key, given: {text: "{{fake:GITHUB_TOKEN}}"}, expect: {outcome: block}}\n'
    ),
}

FOUND = Record("PROJECT", Role.USER, "messages[0].content", 1.0, "0" * 16, "code names", Action.BLOCK)

# Command line, standard input (a file's name), exit code.
CASES = (
    ("", "", 2),
    ("--help", "", 0),
    ("--version", "", 0),
    ("no-such-command", "", 2),
    ("run --no-such-option", "", 2),
    ("run --config settings.yaml", "", 2),
    ("run --config no-ca.yaml", "", 2),
    ("run --config missing.yaml", "", 2),
    ("run --policy broken.yaml", "", 2),
    ("run --listen 0.0.0.0:0", "", 2),
    ("run --reverse openai", "", 2),
    ("restart", "", 2),
    ("demo", "", 0),
    ("demo extra", "", 2),
    ("exec -- true", "", 0),
    ("exec -- sh exit7.sh", "", 7),
    ("exec", "", 2),
    ("exec --config no-ca.yaml -- true", "", 2),
    ("scan clean.txt", "", 0),
    ("scan secret.txt", "", 1),
    ("scan --json clean.txt secret.txt", "", 1),
    ("scan", "clean.txt", 0),
    ("scan", "secret.txt", 1),
    ("scan missing.txt", "", 2),
    ("scan --detect NO_SUCH_ENTITY", "empty.txt", 2),
    ("scan --jsonl", "empty.txt", 0),
    ("scan --jsonl", "clean.txt", 2),
    ("redact", "secret.txt", 0),
    ("redact --detect NO_SUCH_ENTITY", "empty.txt", 2),
    ("policy check", "", 0),
    ("policy check strict.yaml lax.yaml", "", 0),
    ("policy check strict.yaml broken.yaml", "", 1),
    ("policy check --no-such-option", "", 2),
    ("policy --config settings.yaml check", "", 2),
    ("policy test strict.yaml", "", 0),
    ("policy test lax.yaml", "", 1),
    ("policy --config missing.yaml test", "", 2),
    ("policy explain --policy strict.yaml secret.txt", "", 0),
    ("policy explain", "clean.txt", 0),
    ("policy explain --provider no-such-provider", "clean.txt", 2),
    ("policy explain --policy broken.yaml", "clean.txt", 2),
    ("policy diff lax.yaml strict.yaml", "", 0),
    ("policy diff strict.yaml lax.yaml", "", 1),
    ("policy diff strict.yaml", "", 2),
    ("policy diff strict.yaml broken.yaml", "", 2),
    ("policy status", "", 0),
    ("policy --config away.yaml status", "", 1),
    ("policy --config settings.yaml status", "", 2),
    ("policy --config tracks.yaml promote", "", 0),
    ("policy promote --undo", "", 0),
    ("policy promote", "", 2),
    ("policy --config tracks.yaml shadow --by rule", "", 0),
    ("policy shadow --all", "", 0),
    ("policy shadow --reset", "", 0),
    ("policy shadow", "", 2),
    ("policy bundle keygen new.key.pem new.pub.pem", "", 0),
    ("policy bundle keygen key.pem new.pub.pem", "", 2),
    ("policy bundle build release new.zip --version 2 --key key.pem --no-test", "", 0),
    ("policy bundle build release new.zip --version 0 --no-test", "", 2),
    ("policy bundle sign bundle.tar.gz --key key.pem", "", 0),
    ("policy bundle sign bundle.tar.gz --key public.pem", "", 2),
    ("policy bundle verify bundle.tar.gz --key public.pem --no-test", "", 0),
    ("policy bundle verify other.tar.gz --key public.pem", "", 1),
    ("policy bundle verify unsigned.tar.gz --key public.pem", "", 2),
    ("policy bundle show bundle.tar.gz", "", 0),
    ("policy bundle show secret.txt", "", 2),
    ("policy schema", "", 0),
    ("account fingerprint", "key.txt", 0),
    ("account fingerprint", "clean.txt", 2),
    ("ca init --config no-ca.yaml", "", 0),
    ("ca init --if-missing", "", 0),
    ("ca init", "", 2),
    ("ca show", "", 0),
    ("ca show --config half-covered.yaml", "", 1),
    ("ca show --config no-ca.yaml", "", 2),
    ("ca export", "", 0),
    ("ca export root.pem", "", 0),
    ("ca export --der no-such-folder/root.cer", "", 2),
    ("ca export --config no-ca.yaml", "", 2),
    ("ca rotate", "", 0),
    ("ca rotate --root --yes", "", 0),
    ("ca rotate --root", "empty.txt", 130),  # nobody said yes
    ("ca rotate --config no-ca.yaml", "", 2),
    ("setup --dry-run --system linux", "", 0),
    ("setup --undo", "", 0),
    ("setup --status --only environment", "", 1),
    ("setup --undo --status", "", 2),
    ("setup --only no-such-step", "", 2),
    ("pac", "", 0),
    ("pac --proxy nowhere", "", 2),
    ("audit tail", "", 0),
    ("audit tail --since yesterday", "", 2),
    ("audit --file missing.db tail", "", 2),
    ("audit --config no-audit.yaml tail", "", 2),
    (f"audit show {REFERENCE}", "", 0),
    ("audit show og_0000000000000000", "", 1),
    ("audit --file missing.db show og_0", "", 2),
    ("audit stats --json", "", 0),
    ("audit --file missing.db stats", "", 2),
    ("report risk --json", "", 0),
    ("report risk --region Atlantis", "", 2),
    ("policy suggest", "", 0),
    ("policy suggest --since 2999-01-01", "", 2),
    ("audit verify", "", 0),
    ("audit --file rewritten.jsonl verify", "", 1),
    ("audit --file missing.db verify", "", 2),
    ("audit key", "", 0),
    ("audit --config no-key.yaml key", "", 2),
    ("audit checkpoint", "", 0),
    ("audit --file missing.db checkpoint", "", 2),
    ("audit erase --user ann --yes", "", 0),
    ("audit erase --client 127.0.0.1", "empty.txt", 130),  # nobody said yes
    ("audit erase --yes", "", 2),
    ("audit export --format csv", "", 0),
    ("audit export --output clean.txt", "", 2),
    (f"why {REFERENCE}", "", 0),
    ("why og_0000000000000000", "", 1),
    ("why", "", 2),
    (f"feedback {COACHED} --not-sensitive --reason published --config coach-settings.yaml", "", 0),
    (f"feedback {REFERENCE} --not-sensitive --reason published", "", 1),
    (f"feedback {REFERENCE} --reason published", "", 2),
    (f"justify {COACHED} --reason announced --config coach-settings.yaml", "", 0),
    (f"justify {REFERENCE} --reason announced", "", 1),
    (f"justify {REFERENCE}", "", 2),
    ("review list", "", 0),
    ("review --config settings.yaml list", "", 2),
    ("review show 1", "", 0),
    ("review show 2", "", 2),
    ("review allow 1 --everyone", "", 0),
    ("review allow 2", "", 2),
    ("review reject 1", "", 0),
    ("review reject 2", "", 2),
    ("review revoke 1", "", 0),
    ("review revoke 2", "", 2),
    ("review stats", "", 0),
    ("review stats --since yesterday", "", 2),
    ("report shadow", "", 0),
    ("report shadow --json", "", 0),
    ("report shadow --since yesterday", "", 2),
    ("report --config settings.yaml shadow", "", 2),
    ("vault stats", "", 0),
    ("vault stats --json", "", 0),
    ("budgets show", "", 0),
    ("budgets show --provider nobody", "", 2),
    ("vault --config no-vault.yaml stats", "", 2),
    ("vault --config no-server.yaml stats", "", 2),
    ("vault --config settings.yaml stats", "", 2),
    ("vault purge --scope-user alice", "", 0),
    ("vault purge --older-than 30d", "", 0),
    ("vault purge --older-than yesterday", "", 2),
    ("vault purge --all --yes", "", 0),
    ("vault purge --all", "empty.txt", 130),  # nobody said yes
    ("vault purge --all --scope-user alice", "", 2),
    ("vault purge", "", 2),
    ("vault rotate-key --reseal", "", 0),
    ("vault --config no-server.yaml rotate-key", "", 2),
    ("user add bo --file users", "clean.txt", 0),
    ("user add bo --file users", "empty.txt", 2),
    ("user add bo --file clean.txt", "clean.txt", 2),
    ("user add bo", "clean.txt", 2),  # to which file?
    ("user list --file users", "", 0),
    ("user list --file no-such-file", "", 2),
    ("user remove ada --file users", "", 0),
    ("user remove eve --file users", "", 2),
    ("doctor --offline --config no-ca.yaml", "", 1),
    ("doctor --config settings.yaml", "", 2),
)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's home with files, a CA and one exchange in the audit log."""
    home = tmp_path_factory.mktemp("furnished")
    with pytest.MonkeyPatch.context() as patch:
        _live_in(home, patch)
        for name, text in FILES.items():
            Path(name).write_text(text)
        Path("secret.txt").write_text(f"deploy with {fake('GITHUB_TOKEN')}\n")
        Path("users").write_text(f"ada:$2b$12${'a' * 53}\n")
        Path("users").chmod(0o600)
        Path("key.txt").write_text("made-up-" * 4)
        Path("exit7.sh").write_text("exit 7\n")
        settings = Settings.load()
        ca.create(settings.ca_dir, Catalogue.load().constraint_names())
        log = AuditLog.open(settings)
        log.record(_event())
        log.record(
            replace(
                _event(),
                id=COACHED,
                provider="openai",
                rule="code names",
                findings=(FOUND,),
                findings_total=1,
            )
        )
        log.close()
        unsigned = Entry.after(Head.new(), Sealed.of(b'{"entry":"made up"}', None))
        Path("rewritten.jsonl").write_bytes(unsigned.to_line() + b"\n")
        _make_bundle()
    return home


@pytest.fixture(autouse=True)
def home(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home, to live in."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    _live_in(tmp_path, monkeypatch)
    return tmp_path


def _live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name in ("OUTGATE_CONFIG", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR", "FORCE_COLOR"):
        patch.delenv(name, raising=False)
    patch.setenv("HOME", str(home))
    patch.chdir(home)


def _make_reports() -> None:
    """Somebody reported a value, and somebody let another pass."""
    store, now = Store(Settings.load().feedback_path), datetime.now(UTC)
    store.report(COACHED, "user:ann", "openai", (FOUND,), "published", now)
    store.let_pass("1" * 16, "PROJECT", EVERYONE, None, timedelta(days=1), "kim", now)
    store.close()


def _make_bundle() -> None:
    """A release, its bundle with a good signature, and two more: one with another's, one with none."""
    Path("release").mkdir()
    Path("release/policy.yaml").write_text(FILES["strict.yaml"])
    signing.keygen(Path("key.pem"), Path("public.pem"))
    packed = pack(gathered(Path("release")), 1, datetime(2026, 1, 1, tzinfo=UTC), None)
    for name in ("bundle", "other", "unsigned"):
        Path(f"{name}.tar.gz").write_bytes(packed)
    for name, signed in (("bundle", packed), ("other", b"another")):
        Path(f"{name}.tar.gz.sig").write_bytes(signing.sign(signed, Path("key.pem")))


def _event() -> AuditEvent:
    exchange = replace(EXCHANGE, id=REFERENCE, time=datetime.now(UTC))
    sizes = {"request_bytes": 0, "response_bytes": 0}
    endpoint = Endpoint(Provider("openai", "OpenAI", "OpenAI", "US", "api"), "openai_chat")
    verdict = Verdict(Outcome.BLOCK, 403, rule="keys", endpoint=endpoint)
    return AuditEvent.of(exchange, verdict, policy_hash="0" * 64, status=403, seconds=0.1, **sizes)


@pytest.mark.parametrize(("line", "stdin", "code"), CASES, ids=[f"{c[0]} -> {c[2]}" for c in CASES])
def test_a_command_ends_with_its_code_and_never_with_a_traceback(
    line: str, stdin: str, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = Path(stdin or "empty.txt")
    if line.startswith("review"):
        _make_reports()
    if line.startswith(("run", "exec --")):
        # One changes how the whole process counts, whatever becomes of it; the other's process becomes the command.
        with given.open() as file:
            ended = process(*line.split(), stdin=file).wait(60)
    else:
        monkeypatch.setattr(sys, "argv", ["outgate", *line.split()])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.read_bytes())))
        with pytest.raises(SystemExit) as raised:
            main()
        assert isinstance(raised.value.code, int)
        ended = raised.value.code
    told = capfd.readouterr()
    assert ended == code, told.err
    assert "Traceback" not in told.err
    if code == 2:
        assert told.err.strip()


def test_every_command_has_a_case_that_goes_well() -> None:
    from outgate.cli.examples import ENDINGS

    good = {line for line, _, code in CASES if code == 0}
    without = {name for name in ENDINGS if not any(line.startswith(name) for line in good)}
    # These need ports of their own, a network or somebody who runs: see below, doctor looks at fixed ports.
    assert without == {"run", "restart", "doctor"}


def process(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "proxy")}
    command = [sys.executable, "-P", "-m", "outgate", *arguments]
    return subprocess.Popen(command, env=environment, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process at once on Windows")
def test_run_ends_with_0_when_it_is_told_to_stop() -> None:
    running = process("run", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", stdout=subprocess.PIPE)
    assert running.stdout is not None
    with running:
        assert b"listens on 127.0.0.1:" in running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has one worker")
def test_restart_ends_with_0_when_a_supervisor_heard_of_it() -> None:
    from outgate.gateway.pidfile import Pidfile

    told = []
    before = signal.signal(signal.SIGUSR2, lambda *_: told.append(True))
    try:
        with Pidfile(Settings.load().state_dir):
            assert process("restart").wait(60) == 0
        with process("restart", stderr=subprocess.PIPE) as late:
            assert late.wait(60) == 2
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert told == [True]


def test_run_ends_with_2_when_its_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = process("run", "--listen", address, "--metrics", "127.0.0.1:0", stderr=subprocess.PIPE)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 2
    assert told.rstrip().endswith(b"Address already in use")  # and nothing of options that are not ours


def test_doctor_ends_with_0_when_nothing_is_wrong() -> None:
    Path("free.yaml").write_text("listen: 127.0.0.1:0\nmetrics: 127.0.0.1:0\n")
    assert process("doctor", "--offline", "--config", "free.yaml").wait(60) == 0


@pytest.mark.parametrize("line", ["policy schema", "ca show", "audit tail", "audit tail --json"])
def test_a_reader_that_has_seen_enough_is_told_nothing(line: str) -> None:
    running = process(*line.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (1, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize(
    "line", ["ca show --config no-ca.yaml", "policy check strict.yaml", "audit tail", "demo"]
)
def test_colours_are_for_terminals_and_for_who_wants_them(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert b"\x1b[" in _on_a_terminal(line)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = _on_a_terminal(line)
    assert plain
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]", plain)
    monkeypatch.delenv("NO_COLOR")
    piped = process(*line.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told, _ = piped.communicate(timeout=60)
    assert told
    assert b"\x1b" not in told


def _on_a_terminal(line: str) -> bytes:
    """Everything that a command writes to a pseudo-terminal."""
    ours, theirs = pty.openpty()
    running = process(*line.split(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
        running.wait(60)
    return written
