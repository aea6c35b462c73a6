"""Damage: to bytes, to the tokens of text, to what lies at a path. Seeded; equal seeds give equal damage."""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

NUMBERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0x7FFFFFFFFFFFFFFF,
    0xFFFFFFFFFFFFFFFF,
)
TOKENS = (
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "NaN",
    "99999999999999999999999999",
    "-0.0",
    '""',
    "[]",
    "{}",
    "[[[[]]]]",
    '"\\u0000"',
    '"../../../../etc/passwd"',
    '"/etc/passwd"',
    '"' + "a" * 5000 + '"',
    "3.5",
    '"float32"',
    "nan",
    "inf",
    "'",
    '"',
    "=",
    "[",
    "\x00",
    '"\\ud800"',
    "[" * 3000,
    "1979-05-27",
)
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[\[\]{}:,=]')


def flipped(content: bytes, chance: random.Random) -> bytes:
    """One to eight bits turned."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    """Only a beginning."""
    return content[: chance.randrange(len(content))]


def without_a_piece(content: bytes, chance: random.Random) -> bytes:
    """A piece deleted."""
    start, end = _piece(content, chance)
    return content[:start] + content[end:]


def with_a_piece_twice(content: bytes, chance: random.Random) -> bytes:
    """A piece duplicated."""
    start, end = _piece(content, chance)
    return content[:end] + content[start:end] + content[end:]


def overwritten(content: bytes, chance: random.Random) -> bytes:
    """A piece of zeros, of ones or of noise."""
    start, end = _piece(content, chance)
    filling = chance.choice((bytes(end - start), b"\xff" * (end - start), chance.randbytes(end - start)))
    return content[:start] + filling + content[end:]


def huge_number(content: bytes, chance: random.Random) -> bytes:
    """A number at the edge of its type, at a place where one may stand."""
    width, form = chance.choice(((1, "<B"), (2, "<H"), (4, "<I"), (8, "<Q"), (4, ">I")))
    place = chance.randrange(max(1, len(content) - width)) // width * width
    number = struct.pack(form, chance.choice(NUMBERS) & ((1 << 8 * width) - 1))
    return content[:place] + number + content[place + width :]


def with_garbage(content: bytes, chance: random.Random) -> bytes:
    """Something behind the end."""
    return content + chance.randbytes(chance.randint(1, 64))


def empty(content: bytes, chance: random.Random) -> bytes:
    """Nothing."""
    return b""


def noise(content: bytes, chance: random.Random) -> bytes:
    """Anything."""
    return chance.randbytes(chance.randint(1, 2000))


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped,
    flipped,
    flipped,
    cut,
    without_a_piece,
    with_a_piece_twice,
    overwritten,
    huge_number,
    huge_number,
    with_garbage,
    empty,
    noise,
)


def swapped_tokens(text: str, chance: random.Random) -> str:
    """One to three tokens replaced by others of the text, or by values that nobody expects there."""
    for _ in range(chance.randint(1, 3)):
        found = list(_TOKEN.finditer(text))
        if not found:
            return text
        at = chance.choice(found)
        new = chance.choice(found).group() if chance.random() < 0.4 else chance.choice(TOKENS)
        text = text[: at.start()] + new + text[at.end() :]
    return text


def shuffled_lines(text: str, chance: random.Random) -> str:
    """A line deleted, doubled or moved."""
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    line = lines.pop(place)
    for _ in range(chance.randrange(3)):
        lines.insert(chance.randrange(len(lines) + 1), line)
    return "".join(lines)


def damaged_text(content: bytes, chance: random.Random) -> bytes:
    """Tokens or lines for the most part, bytes for the rest."""
    change = chance.choice((swapped_tokens, swapped_tokens, swapped_tokens, shuffled_lines, None))
    if change is None:
        return damaged_bytes(content, chance)
    return change(content.decode(errors="replace"), chance).encode(errors="surrogatepass")


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """One of BYTES; noise where there is nothing to change."""
    return chance.choice(BYTES)(content, chance) if content else noise(content, chance)


def link_to_itself(path: Path) -> None:
    """A symbolic link in a circle."""
    path.symlink_to(path.name)


def link_out(path: Path) -> None:
    """A symbolic link to a file elsewhere."""
    path.symlink_to("/etc/passwd")


def link_without_end(path: Path) -> None:
    """A symbolic link to a device that never ends."""
    path.symlink_to("/dev/zero")


def dangling_link(path: Path) -> None:
    """A symbolic link to nothing."""
    path.symlink_to("nowhere")


def folder_instead(path: Path) -> None:
    """A folder under the name of a file."""
    path.mkdir()


def pipe_instead(path: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


def nothing(path: Path) -> None:
    """No file."""


PLACES = (link_to_itself, link_out, link_without_end, dangling_link, folder_instead, pipe_instead, nothing)
"""What else may lie where a file is expected."""


def cleared(path: Path) -> None:
    """Remove whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _piece(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content))
    return start, min(len(content), start + chance.choice((1, 4, 16, 64, 256, len(content) // 3 + 1)))
