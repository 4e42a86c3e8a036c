"""A provider that keeps every byte it is sent, and answers what it is told to: no HTTP library in between."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from providers.standin import certificates

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class RawUpstream:
    """Answers ``answer`` to the first head on each connection, and goes on reading."""

    def __init__(self, folder: Path, answer: bytes = OK, *, tls: bool = True, alpn: str = "http/1.1") -> None:
        self.answer = answer
        self.received: list[bytearray] = []  # by connection
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._context: ssl.SSLContext | None = None
        if tls:
            folder.mkdir(exist_ok=True)
            self.root, certificate, key = certificates(folder)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate, key)
            self._context.set_alpn_protocols([alpn])
        self._open: list[socket.socket] = []
        self._again = threading.Event()

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    @property
    def bytes(self) -> bytes:
        """All that came, whatever the connection."""
        return b"".join(self.received)

    def send(self, data: bytes) -> None:
        """Say something on the last connection."""
        self._open[-1].sendall(data)

    def answer_again(self) -> None:
        """Answer the next head, too."""
        self._again.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._socket, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        kept = bytearray()
        with suppress(OSError):
            one = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            self._open.append(one)
            self.received.append(kept)
            unanswered, answered = b"", False
            while data := one.recv(65536):
                kept += data
                unanswered += data
                if self._again.is_set():
                    self._again.clear()
                    unanswered, answered = data, False
                if not answered and b"\r\n\r\n" in unanswered:
                    answered = True
                    one.sendall(self.answer)
