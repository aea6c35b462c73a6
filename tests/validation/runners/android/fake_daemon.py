"""adb's daemon on a phone that is not there, for adb's own server: `adb connect` reaches it over TCP.

Messages are those of AOSP's packages/modules/adb: protocol.txt and types.h. It asks for no key, so the server sees a
device at once.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from tests.validation.runners.android.fake_phone import FakePhone, GoneError, Services

_HEADER = struct.Struct("<4s5I")
_VERSION = 0x01000001
_MOST = 256 * 1024
_BANNER = (
    "device::ro.product.name=oriole;ro.product.model={model};ro.product.device=oriole;features=shell_v2,cmd,stat_v2"
)


@dataclass
class _Stream:
    """One service in use: `remote` is its number on the server's side."""

    remote: int
    arriving: SimpleQueue[bytes] = field(default_factory=SimpleQueue)
    taken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    rest: bytes = b""

    def read(self, count: int) -> bytes:
        while len(self.rest) < count:
            part = self.arriving.get()
            if not part:
                raise EOFError
            self.rest += part
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


class _Daemon:
    """The daemon's end of one connection."""

    def __init__(self, connection: socket.socket, phone: FakePhone) -> None:
        self._connection, self._phone = connection, phone
        self._reader, self._sending = connection.makefile("rb"), threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def serve(self) -> None:
        while header := self._reader.read(_HEADER.size):
            command, first, second, length, _, _ = _HEADER.unpack(header)
            content = self._reader.read(length)
            if command == b"CNXN":
                self._send(b"CNXN", _VERSION, _MOST, _BANNER.format(model=self._phone.model).encode())
            elif command == b"OPEN":
                self._open(first, content.rstrip(b"\0").decode())
            elif command == b"OKAY" and second in self._streams:
                self._streams[second].taken.release()
            elif command == b"WRTE" and second in self._streams:
                self._streams[second].arriving.put(content)
                self._send(b"OKAY", second, first)
            elif command == b"CLSE" and second in self._streams:
                self._streams[second].arriving.put(b"")

    def _open(self, remote: int, service: str) -> None:
        number, stream = len(self._streams) + 1, _Stream(remote)
        services = Services(self._phone, stream.read, lambda content: self._write(number, stream, content))
        if not services.knows(service):
            self._send(b"CLSE", 0, remote)
            return
        self._streams[number] = stream
        self._send(b"OKAY", number, remote)
        threading.Thread(target=self._work, args=(number, stream, services, service), daemon=True).start()

    def _work(self, number: int, stream: _Stream, services: Services, service: str) -> None:
        try:
            services.serve(service)
        except GoneError:
            self._connection.shutdown(socket.SHUT_RDWR)
            return
        except EOFError:
            pass  # the other side has closed the stream
        with suppress(OSError):
            self._send(b"CLSE", number, stream.remote)

    def _write(self, number: int, stream: _Stream, content: bytes) -> None:
        for start in range(0, len(content), _MOST):
            self._send(b"WRTE", number, stream.remote, content[start : start + _MOST])
            stream.taken.acquire()

    def _send(self, command: bytes, first: int, second: int, content: bytes = b"") -> None:
        (magic,) = struct.unpack("<I", command)
        header = _HEADER.pack(command, first, second, len(content), sum(content) & 0xFFFFFFFF, magic ^ 0xFFFFFFFF)
        with self._sending:
            self._connection.sendall(header + content)


@contextmanager
def phone_on_tcp(phone: FakePhone) -> Iterator[int]:
    """The port at which `adb connect 127.0.0.1:PORT` finds the phone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=_Daemon(connection, phone).serve, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        phone.released.set()
