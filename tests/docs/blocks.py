"""Fenced blocks of a document, in order: what a reader types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One fenced block; `title` names the file it is, if it is one."""

    language: str
    title: str | None
    text: str

    @property
    def commands(self) -> list[str]:
        """Give what is typed in a console block: one string a command, lines that end in a backslash joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def blocks(page: Path) -> list[Block]:
    """All of a page's blocks that name their language."""
    return [Block(**found.groupdict()) for found in _FENCE.finditer(page.read_text(encoding="utf-8"))]
