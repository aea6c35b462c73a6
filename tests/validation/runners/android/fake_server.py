"""An adb server with phones that are not there, speaking the real protocol on loopback.

Requests, answers and words are those of AOSP's packages/modules/adb: SERVICES.TXT, and transport.cpp for the list of
devices and for why a transport is refused. test_real_server.py holds adb's own server beside it.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.validation.runners.android.fake_phone import FakePhone, GoneError, Services

REFUSED = {
    "unauthorized": (
        "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n"
        "Try 'adb kill-server' if that seems wrong.\nOtherwise check for a confirmation dialog on your device."
    ),
    "offline": "device offline",
}


class FakeServer(socketserver.ThreadingTCPServer):
    """The server; `phones` may change while it runs."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *phones: FakePhone) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.phones = list(phones)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def serving(*phones: FakePhone) -> Iterator[FakeServer]:
    with FakeServer(*phones) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            for phone in phones:
                phone.released.set()
            server.shutdown()
            thread.join()


class _Connection(socketserver.StreamRequestHandler):
    server: FakeServer

    def handle(self) -> None:
        with suppress(ConnectionError, EOFError):  # the client has gone, as adb's clients may
            self._serve()

    def _serve(self) -> None:
        phone: FakePhone | None = None
        while phone is None:
            asked = self._request()
            if asked == "host:version":
                return self._okay("0029")
            if asked == "host:devices-l":
                return self._okay("".join(item.line() for item in self.server.phones))
            if not asked.startswith("host:transport:"):
                return self._fail("unknown host service")
            serial = asked.removeprefix("host:transport:")
            phone = next((item for item in self.server.phones if item.serial == serial), None)
            if phone is None:
                return self._fail(f"device '{serial}' not found")
            if phone.state != "device":
                return self._fail(REFUSED.get(phone.state, f"device still {phone.state}"))
            self.wfile.write(b"OKAY")
        asked = self._request()
        services = Services(phone, self._read, self.wfile.write)
        if not services.knows(asked):
            return self._fail("closed")
        self.wfile.write(b"OKAY")
        try:
            return services.serve(asked)
        except GoneError:
            return self.server.phones.remove(phone)

    def _request(self) -> str:
        return self._read(int(self._read(4), 16)).decode()

    def _okay(self, text: str) -> None:
        self.wfile.write(b"OKAY" + f"{len(text):04x}".encode() + text.encode())

    def _fail(self, reason: str) -> None:
        self.wfile.write(b"FAIL" + f"{len(reason):04x}".encode() + reason.encode())

    def _read(self, count: int) -> bytes:
        content: Any = self.rfile.read(count)
        if len(content) < count:
            raise EOFError
        return bytes(content)
