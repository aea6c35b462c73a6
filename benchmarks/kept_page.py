"""Keep what was measured in figures/NAME.json beside a document, and draw the document's tables from there, between
markers."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fpliif.checkpoint import replace_file
from toolkit.errors import UsageError

Results = dict[str, Any]
Parts = Mapping[str, Callable[[Results], str]]
"""What stands between `<!-- NAME -->` and `<!-- end of NAME -->`, drawn from all results."""


WIDTH = 116
"""Columns of a document's lines; tables may be wider."""


def figures_of(page: Path) -> Path:
    """Name the file that keeps a page's figures: `figures/NAME.json` beside `NAME.md`."""
    return page.parent / "figures" / f"{page.stem}.json"


def read_results(page: Path) -> Results:
    """Read what was measured so far, by part; raises UsageError if the file is damaged."""
    path = figures_of(page)
    if not path.is_file():
        return {}
    try:
        found: Results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UsageError(f"{path} is damaged; delete it and measure again") from None
    return found


def keep_result(page: Path, parts: Parts, part: str, result: Mapping[str, Any]) -> None:
    """Replace one part of the results and write the page anew; raises as `filled`, and then changes nothing."""
    results = read_results(page) | {part: dict(result)}
    text = filled(page, parts, results)
    figures_of(page).parent.mkdir(exist_ok=True)
    replace_file(figures_of(page), (json.dumps(results, indent=1) + "\n").encode())
    replace_file(page, text.encode())


def filled(page: Path, parts: Parts, results: Results) -> str:
    """Fill a page's text with every part between its markers; raises UsageError if a marker is missing."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{page} cannot be read ({error.strerror}); run this in the repository's folder") from None
    for part, draw in parts.items():
        start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
        if start not in text or end not in text:
            raise UsageError(f"{page} lacks the markers {start.strip()} and {end}; put them back")
        before, rest = text.split(start, 1)
        text = before + start + wrapped(draw(results)) + end + rest.split(end, 1)[1]
    return text


def drawn(parts: Parts, results: Results) -> str:
    """Draw all parts, for a terminal."""
    return "\n".join(draw(results) for draw in parts.values())


def wrapped(text: str) -> str:
    """Break lines of Markdown that are longer than `WIDTH`, list items indented; rows of tables stay whole."""
    lines: list[str] = []
    for line in text.splitlines():
        if len(line) <= WIDTH or line.startswith("|"):
            lines.append(line)
            continue
        indent = "  " if line.startswith(("- ", "* ")) else ""
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Give the lines of a Markdown table; all columns but the first are aligned to the right."""
    aligned = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, aligned, *rows)]
