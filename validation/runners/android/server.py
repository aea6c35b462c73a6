"""A client of the adb server: which phones there are, files to and from one, a command on one.

Speaks what AOSP documents in packages/modules/adb (SERVICES.TXT, SYNC.TXT, shell_protocol.h) over the server's
socket, so that every failure keeps the phone's own words and every wait has an end.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from validation.errors import RunnerError

PORT_VARIABLE = "ANDROID_ADB_SERVER_PORT"
ADDRESS_VARIABLE = "ANDROID_ADB_SERVER_ADDRESS"
_PORT = 5037
_CHUNK = 64 * 1024
"""SYNC.TXT: a DATA chunk must not be larger."""
_ANSWER_SECONDS = 5.0
_TRANSFER_SECONDS = 60.0
"""Longest silence in a transfer, whose parts come one after another."""
_STDOUT, _STDERR, _EXIT = 1, 2, 3
_ATTACHED = re.compile(r"(?P<serial>\S+)\s+(?P<state>no permissions.*?|\S+)(?:\s+(?P<facts>[a-z_]+:.*))?")


class AdbError(RunnerError):
    """The adb server or the phone does not do what was asked; says what to do."""


@dataclass(frozen=True)
class Attached:
    """One line of `adb devices -l`.

    Attributes:
        serial: how adb calls it.
        state: ``device`` if it can be used; ``unauthorized``, ``offline``, ``no permissions ...`` and others if not.
        model: as adb was told; empty if it was not.
    """

    serial: str
    state: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.serial} ({self.model})" if self.model else self.serial


@dataclass(frozen=True)
class Answer:
    """What a command on the phone wrote, and its exit status."""

    stdout: str
    stderr: str
    status: int


class AdbServer:
    """The server that `adb start-server` leaves running, at the address that adb itself uses."""

    def __init__(self, host: str | None = None, port: int | None = None) -> None:
        """Remember the address; `ANDROID_ADB_SERVER_ADDRESS` and `ANDROID_ADB_SERVER_PORT` fill what is not given.

        Raises:
            AdbError: the variable holds no port number.
        """
        named = os.environ.get(PORT_VARIABLE) or str(_PORT)
        if port is None and not named.isdecimal():
            raise AdbError(f"{PORT_VARIABLE} is {named!r}, which is no port number; unset it or give a number")
        self._address = (host or os.environ.get(ADDRESS_VARIABLE) or "127.0.0.1", port or int(named))

    def attached(self) -> list[Attached]:
        """List every phone and emulator that the server sees, usable or not.


        Raises:
            AdbError: no server answers.
        """
        with self._request("host:devices-l") as connection:
            try:
                listed = _read_text(connection)
            except (TimeoutError, EOFError, ConnectionError, ValueError) as error:
                raise self._no_server() from error
        lines = [match for line in listed.splitlines() if (match := _ATTACHED.fullmatch(line.strip()))]
        return [Attached(line["serial"], line["state"], _model(line["facts"] or "")) for line in lines]

    def shell(self, serial: str, command: str, seconds: float) -> Answer:
        """Run a command on the phone and wait for its end.

        Raises:
            AdbError: no such phone, it went away, or the command took longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        written: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray(), _EXIT: bytearray()}
        with self._on_phone(serial, f"shell,v2,raw:{command}") as connection:
            while not written[_EXIT]:
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                try:
                    kind, length = struct.unpack("<BI", _read(connection, 5))
                    written.setdefault(kind, bytearray()).extend(_read(connection, length))
                except TimeoutError:
                    program = command.partition(" ")[0].rpartition("/")[2]
                    raise AdbError(
                        f"{program} did not end within {seconds:g} s on {serial}; see whether it hangs there, and "
                        "try again"
                    ) from None
        out, err = (written[kind].decode(errors="replace") for kind in (_STDOUT, _STDERR))
        return Answer(out, err, written[_EXIT][0])

    def push(self, serial: str, content: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file on the phone; folders on the way are made.

        Raises:
            AdbError: no such phone, it went away, or it cannot take the file (no space left, for one).
        """
        with self._on_phone(serial, "sync:") as connection:
            connection.settimeout(_TRANSFER_SECONDS)
            try:
                _send_sync(connection, b"SEND", f"{path},{0o100000 | mode}".encode())
                for start in range(0, len(content), _CHUNK):
                    _send_sync(connection, b"DATA", content[start : start + _CHUNK])
                connection.sendall(b"DONE" + struct.pack("<I", int(time.time())))
            except (BrokenPipeError, ConnectionResetError):
                pass  # a phone that refuses says why before it closes, and that is read below
            _check_sync(connection, f"{serial} cannot take {path}")

    def pull(self, serial: str, path: str) -> bytes:
        """Read a file of the phone.


        Raises:
            AdbError: no such phone or file, or it went away.
        """
        content = bytearray()
        with self._on_phone(serial, "sync:") as connection:
            connection.settimeout(_TRANSFER_SECONDS)
            _send_sync(connection, b"RECV", path.encode())
            while (part := _check_sync(connection, f"{serial} cannot give {path}")) is not None:
                content += part
        return bytes(content)

    @contextmanager
    def _on_phone(self, serial: str, service: str) -> Iterator[socket.socket]:
        """Connect to a service of the phone itself; whatever breaks inside is an AdbError that names the phone."""
        what = service.partition(":")[0].partition(",")[0]
        try:
            with self._request(f"host:transport:{serial}") as connection:
                _ask(connection, service)
                yield connection
        except TimeoutError:
            raise AdbError(
                f"{serial} took too long over a {what} request; unlock it, look at the cable, and try again"
            ) from None
        except (EOFError, ConnectionError, ValueError) as error:
            raise AdbError(
                f"{serial} went away during a {what} request; look at the cable, see `adb devices`, and try again"
            ) from error

    @contextmanager
    def _request(self, service: str) -> Iterator[socket.socket]:
        host, port = self._address
        try:
            connection = socket.create_connection(self._address, timeout=_ANSWER_SECONDS)
        except OSError as error:
            start = "run: adb start-server"
            if shutil.which("adb") is None:
                start = "install adb (Debian and Ubuntu: apt install adb), then run: adb start-server"
            raise AdbError(f"no adb server answers at {host}:{port}; {start}") from error
        with connection:
            try:
                _ask(connection, service)
            except (TimeoutError, EOFError, ConnectionError, ValueError) as error:
                raise self._no_server() from error
            yield connection

    def _no_server(self) -> AdbError:
        host, port = self._address
        return AdbError(f"what answers at {host}:{port} is no adb server; see {PORT_VARIABLE}")


def _model(facts: str) -> str:
    found = re.search(r"(?:^| )model:(\S+)", facts)
    return found[1].replace("_", " ") if found else ""


def _ask(connection: socket.socket, service: str) -> None:
    """Send a request; raises AdbError with the server's own words if it is refused."""
    asked = service.encode()
    connection.sendall(f"{len(asked):04x}".encode() + asked)
    verdict = _read(connection, 4)
    if verdict == b"FAIL":
        raise AdbError(_advised(_read_text(connection)))
    if verdict != b"OKAY":
        raise ValueError(f"{verdict!r} is neither OKAY nor FAIL")


_ADVICE = (
    ("unauthorized", "unlock the phone and accept this computer"),
    ("offline", "plug the phone in again, or run: adb reconnect"),
    ("not found", "see `adb devices`"),
    ("no devices", "attach a phone with USB debugging on"),
    ("insufficient permissions", "add a udev rule (Debian and Ubuntu: apt install android-sdk-platform-tools-common)"),
    ("closed", "the phone must run Android 7 or newer"),
)


def _advised(reason: str) -> str:
    said = " ".join(reason.split())
    advice = next((advice for words, advice in _ADVICE if words in said), "see `adb devices`")
    return f"adb refuses: {said}; {advice}"


def _read(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), _CHUNK))
        if not part:
            raise EOFError("the connection was closed")
        parts += part
    return bytes(parts)


def _read_text(connection: socket.socket) -> str:
    return _read(connection, int(_read(connection, 4), 16)).decode(errors="replace")


def _send_sync(connection: socket.socket, kind: bytes, content: bytes) -> None:
    connection.sendall(kind + struct.pack("<I", len(content)) + content)


def _check_sync(connection: socket.socket, what: str) -> bytes | None:
    """Read the next part of a file, or None at its end.

    A refusal is an AdbError with `what` and the phone's own words.
    """
    kind, length = struct.unpack("<4sI", _read(connection, 8))
    if kind in (b"OKAY", b"DONE"):
        return None
    content = _read(connection, length)
    if kind == b"DATA":
        return content
    said = content.decode(errors="replace").strip()
    full = "No space left" in said
    raise AdbError(f"{what}: {said}; {'free some space on it' if full else 'see `adb shell ls -l /data/local/tmp`'}")
