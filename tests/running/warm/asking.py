"""What a forked process is asked to be, and how that is sent."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from dataclasses import dataclass

STANDARD = 3
"""Descriptors that come along: standard input, output, and error."""


@dataclass(frozen=True)
class Order:
    """One process.

    Attributes:
        arguments: its command line, the interpreter left out.
        folder: where it works.
        environment: all of it.
        own_session: whether it leads a session of its own; otherwise it joins `group`.
        group: process group of the one that asks.
        limits: of resources, soft and hard, by name in the module `resource`.
        asks_too: whether it may ask for processes itself.
    """

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    own_session: bool
    group: int
    limits: dict[str, tuple[int, int]]
    asks_too: bool


def send_order(line: socket.socket, order: Order, descriptors: list[int]) -> int:
    """Ask at the near end of `line`; returns the number of the new process."""
    content = json.dumps(dataclasses.asdict(order)).encode()
    socket.send_fds(line, [struct.pack(">I", len(content))], descriptors)
    line.sendall(content)
    number: int = struct.unpack(">i", exactly(line, 4))[0]
    return number


def read_order(line: socket.socket) -> tuple[Order, list[int]] | None:
    """Wait for a question at the far end; None when nobody asks any more."""
    head, descriptors, _, _ = socket.recv_fds(line, 4, STANDARD)
    if not head:
        return None
    asked = json.loads(exactly(line, struct.unpack(">I", head)[0]))
    return Order(**asked | {"arguments": tuple(asked["arguments"])}), descriptors


def exactly(line: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = line.recv(count - len(parts))
        if not part:
            raise EOFError("the other end is gone")
        parts += part
    return bytes(parts)
