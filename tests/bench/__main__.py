"""``make bench``: requests a second and latency, beside stock mitmdump in the same run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "proxy"), str(ROOT / "tests")]

from providers.standin import certificates  # noqa: E402

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "proxy")}
GATE_ONLY = "version: 1\nrules: [{name: record, action: audit}]\n"
NAMES = "version: 1\nrules: [{name: names, detect: [names], action: audit}]\n"
CONNECTIONS = 8


def body(size: int) -> bytes:
    words = "Please read this paragraph and say in one sentence what it is about. " * (size // 60)
    text = words[: size - 90]
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}).encode()


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < 60:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return time.perf_counter() - started
        except OSError:
            time.sleep(0.005)
    raise SystemExit("a proxy did not start")


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident megabytes of the proxy's main process."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def load(port: int, host: str, root: Path, data: bytes, count: int) -> list[float]:
    """Seconds of each of ``count`` requests over a few kept connections through CONNECT."""
    authority, _, name = host.partition(" ")
    context = ssl.create_default_context(cafile=str(root))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {name or authority.partition(':')[0]}\r\n"
    request = f"{head}content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
    left = iter(range(count))
    taken: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        await writer.start_tls(context, server_hostname=authority.partition(":")[0])
        for _ in left:
            started = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer[:20]:
                raise SystemExit(f"not answered: {answer[:80]!r}")
            length = next(
                int(x[15:]) for x in answer.split(b"\r\n") if x.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            taken.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return taken


def measured(port: int, host: str, root: Path, size: int, count: int) -> tuple[float, float, float]:
    """Requests a second, p50 and p99 in milliseconds; the median of three rounds."""
    data = body(size)
    asyncio.run(load(port, host, root, data, CONNECTIONS * 5))
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        taken = sorted(asyncio.run(load(port, host, root, data, count)))
        seconds = time.perf_counter() - started
        rounds.append((count / seconds, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3))
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))  # type: ignore[return-value]


def settings(folder: Path, upstream: int, root: Path, policy: str | None) -> tuple[Path, int]:
    port = free_port()
    values: dict[str, object] = {
        "listen": f"127.0.0.1:{port}",
        "metrics": f"127.0.0.1:{free_port()}",
        "state_dir": str(folder / "state"),
        "routes": {"api.openai.com": f"127.0.0.1:{upstream}"},
        "extra_roots": [str(root)],
        "detection": {"workers": 1, "deadline": 60},
    }
    if policy:
        (folder / "policy.yaml").write_text(policy)
        values["policies"] = [str(folder / "policy.yaml")]
    file = folder / "outgate.yaml"
    file.write_text(json.dumps(values))
    return file, port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=600, help="of 2 kB, a round")
    parser.add_argument("--memory", type=int, default=3000, help="requests for the memory figure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), options.requests, options.memory)


def run(folder: Path, requests: int, memory_requests: int) -> None:
    root, certificate, key = certificates(folder)
    base: dict[int, float] = {}
    with running([sys.executable, "-m", "tests.bench.upstream", str(certificate), str(key)]) as provider:
        assert provider.stdout is not None
        upstream = int(provider.stdout.readline())
        print(f"{'':34}{'size':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'of (a)':>8}")

        def row(title: str, port: int, host: str, trusted: Path) -> None:
            for size, count in ((2_000, requests), (100_000, max(requests // 8, 40))):
                rate, p50, p99 = measured(port, host, trusted, size, count)
                base.setdefault(size, rate)
                print(
                    f"{title:34}{size:>8}{rate:>9.0f}{p50:>9.2f}{p99:>9.2f}{rate / base[size]:>8.2f}",
                    flush=True,
                )

        port = free_port()
        stock = folder / "stock"
        command = [
            str(Path(sys.executable).parent / "mitmdump"),
            "-q",
            "-p",
            str(port),
            "--set",
            f"confdir={stock}",
        ]
        with running([*command, "--set", f"ssl_verify_upstream_trusted_ca={root}"]):
            wait_for(port)
            row(
                "(a) stock mitmdump, no script",
                port,
                f"localhost:{upstream}",
                stock / "mitmproxy-ca-cert.pem",
            )
        kinds = {
            "(b) Outgate, no detectors": GATE_ONLY,
            "(c) Outgate, default policy": None,
            "(d) Outgate, names (NER)": NAMES,
        }
        for title, policy in kinds.items():
            place = folder / title[1]
            place.mkdir(mode=0o700)
            config, port = settings(place, upstream, root, policy)
            outgate = [sys.executable, "-m", "outgate"]
            subprocess.run(
                [*outgate, "ca", "init", "--config", str(config)], env=ENVIRONMENT, check=True, stdout=-3
            )
            with running([*outgate, "run", "--config", str(config)]) as process:
                seconds = wait_for(port)
                trusted = place / "state" / "ca" / "root.pem"
                asyncio.run(load(port, "api.openai.com:443", trusted, body(2_000), CONNECTIONS))
                before = memory(process)
                row(title, port, "api.openai.com:443", trusted)
                if policy == GATE_ONLY:
                    asyncio.run(load(port, "api.openai.com:443", trusted, body(2_000), memory_requests))
                    first = memory(process)
                    asyncio.run(load(port, "api.openai.com:443", trusted, body(2_000), memory_requests))
                    print(f"    listening after {seconds:.2f} s; resident {before:.0f} MB at start,", end=" ")
                    print(
                        f"{first:.0f} MB after {memory_requests} more, {memory(process):.0f} MB after twice that"
                    )


if __name__ == "__main__":
    main()
