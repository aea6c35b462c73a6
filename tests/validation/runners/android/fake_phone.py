"""A phone that is not there: its files, its commands, and the services that adb's daemon offers on it.

Packets and words are those of AOSP's packages/modules/adb: shell_protocol.h, SYNC.TXT, daemon/file_sync_service.cpp.
"""

from __future__ import annotations

import shlex
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Program = Callable[[list[str], dict[str, bytes]], tuple[str, str, int]]
"""A program on the phone: arguments and files in; stdout, stderr and exit status out. It may write files."""


@dataclass
class FakePhone:
    """One phone.

    Attributes:
        serial, state, model: as adb lists them.
        tool: what happens when the pushed benchmark_model is executed.
        abis: instruction sets.
        space: bytes that fit on it.
        hang, drop: parts of commands at which it goes silent, or goes away; ``push`` stands for a file on its way to
            it.
        shell_v2: whether its shell tells streams and status apart, as since Android 7.
    """

    serial: str = "0123456789ABCDEF"
    state: str = "device"
    model: str = "Pixel_0"
    tool: Program | None = None
    abis: str = "arm64-v8a,armeabi-v7a"
    space: int = 1 << 30
    hang: str = ""
    drop: str = ""
    shell_v2: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def line(self) -> str:
        """As `adb devices -l` writes it."""
        facts = f" product:oriole model:{self.model} device:oriole" if self.state == "device" else ""
        return f"{self.serial:<22} {self.state} usb:1-2{facts} transport_id:7\n"

    def run(self, command: str) -> tuple[str, str, int]:
        """What a command writes, and its exit status."""
        self.commands.append(command)
        properties = {
            "ro.product.manufacturer": "Google",
            "ro.product.model": self.model.replace("_", " "),
            "ro.build.version.release": "14",
            "ro.product.cpu.abilist": self.abis,
            "ro.soc.model": "GS101",
        }
        parts = [shlex.split(part) for part in command.split("; ")]
        out, err, status = "", "", 0
        for name, *arguments in parts:
            if name == "getprop":
                out += properties[arguments[0]] + "\n"
            elif name == "rm":
                for path in [path for path in self.files if path.startswith(arguments[-1] + "/")]:
                    del self.files[path]
            elif name == "pkill":
                status = 1
            else:
                more, err, status = self._execute(name, arguments)
                out += more
        return out, err, status

    def _execute(self, path: str, arguments: list[str]) -> tuple[str, str, int]:
        if path not in self.files:
            return "", f"/system/bin/sh: {path}: inaccessible or not found\n", 127
        if not self.modes[path] & 0o100:
            return "", f"/system/bin/sh: {path}: can't execute: Permission denied\n", 126
        assert self.tool is not None
        return self.tool(arguments, self.files)


class GoneError(ConnectionError):
    """The phone was pulled off."""


class Services:
    """What the daemon on a phone serves, on a stream: `read(count)` gives as many bytes, `write` takes some."""

    def __init__(self, phone: FakePhone, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        self._phone, self._read, self._write = phone, read, write

    def knows(self, service: str) -> bool:
        return service == "sync:" or (service.startswith("shell,v2,raw:") and self._phone.shell_v2)

    def serve(self, service: str) -> None:
        """One service that it knows, to its end; raises GoneError if the phone is pulled off meanwhile."""
        if service == "sync:":
            self._sync(self._phone)
        else:
            self._shell(self._phone, service.removeprefix("shell,v2,raw:"))

    def _shell(self, phone: FakePhone, command: str) -> None:
        if phone.hang and phone.hang in command:
            phone.released.wait()
            return
        if phone.drop and phone.drop in command:
            self._packet(1, b"INFO: STARTING!\n")
            raise GoneError
        out, err, status = phone.run(command)
        middle = len(out) // 2
        for kind, content in ((1, out[:middle]), (2, err), (1, out[middle:])):
            if content:
                self._packet(kind, content.encode())
        self._packet(3, bytes([status]))

    def _sync(self, phone: FakePhone) -> None:
        kind, length = struct.unpack("<4sI", self._read(8))
        named = self._read(length).decode()
        if kind == b"STAT":
            content = phone.files.get(named)
            mode = 0 if content is None else 0o100000 | phone.modes[named]
            return self._write(b"STAT" + struct.pack("<III", mode, len(content or b""), 0))
        if kind == b"RECV":
            return self._give(phone, named)
        assert kind == b"SEND"
        return self._take(phone, *named.rsplit(",", 1))

    def _give(self, phone: FakePhone, path: str) -> None:
        if path not in phone.files:
            return self._sync_fail("open failed: No such file or directory")
        content = phone.files[path]
        for start in range(0, len(content), 65536):
            part = content[start : start + 65536]
            self._write(b"DATA" + struct.pack("<I", len(part)) + part)
        return self._write(b"DONE" + struct.pack("<I", 0))

    def _take(self, phone: FakePhone, path: str, mode: str) -> None:
        content = bytearray()
        while True:
            kind, length = struct.unpack("<4sI", self._read(8))
            if kind == b"DONE":
                break
            assert kind == b"DATA"
            assert length <= 65536
            content += self._read(length)
            if phone.drop == "push":
                raise GoneError
        if sum(map(len, phone.files.values())) + len(content) > phone.space:
            return self._sync_fail("write failed: No space left on device")
        phone.files[path], phone.modes[path] = bytes(content), int(mode) & 0o777
        return self._write(b"OKAY" + struct.pack("<I", 0))

    def _sync_fail(self, reason: str) -> None:
        self._write(b"FAIL" + struct.pack("<I", len(reason)) + reason.encode())

    def _packet(self, kind: int, content: bytes) -> None:
        self._write(struct.pack("<BI", kind, len(content)) + content)
