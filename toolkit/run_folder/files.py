"""Read and write single files of a run folder, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """What a JSON file holds; raises OSError if it is no file that can be read, ValueError if it is not JSON."""
    try:
        return json.loads(_text(path))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(path: Path) -> str:
    """UTF-8 text of a regular file: a device or a pipe under its name might never end."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path.name} is not a file")
    return path.read_text(encoding="utf-8")


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write JSON beside its place and move it there, so that a reader never sees half of it."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside its place and move it there."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` beside its place and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
