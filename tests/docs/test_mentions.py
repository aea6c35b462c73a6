"""Documents name files and modules of this tree: what they name is there, and lines stay short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = "benchmarks|converters|docs|examples|fpliif|quantization|segdata|tests|toolkit|validation"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if path.name != "CHANGELOG.md"
)
WIDTH = 120


def words(text: str) -> set[str]:
    """Paths and dotted modules in a text that begin with one of our packages; placeholders such as NAME are left
    out."""
    paths = re.findall(rf"(?<![\w/.-])(?:{ROOMS})/[\w./-]*[\w/]", text)
    modules = re.findall(rf"python -m ((?:{ROOMS})(?:\.\w+)*)", text)
    return {word for word in (*paths, *modules) if not re.search(r"[A-Z]{3,}", word.replace("README", ""))}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    for word in words((ROOT / document).read_text(encoding="utf-8")):
        place = ROOT / (word if "/" in word else word.replace(".", "/"))
        assert place.exists() or place.with_suffix(".py").is_file(), f"{document} names {word}, which is not there"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_are_short(document: str) -> None:
    """Tables may be wider, and what cannot be broken: addresses."""
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        assert len(line) <= WIDTH or line.startswith("|") or "](http" in line, f"{document}: {line}"
