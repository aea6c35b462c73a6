"""Answers that took long, kept on disk by what decides them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fpliif.checkpoint import replace_file


class Kept:
    """Answers by what decides them, in one JSON file that is replaced whole after each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def get(self, key: Sequence[str | int], make: Callable[[], Any]) -> Any:
        """Return the kept answer, or make one now and keep it."""
        name = " ".join(str(part) for part in key)
        if name not in self._answers:
            self._answers[name] = make()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(self._answers).encode())
        return self._answers[name]
