"""Pages of the documentation site that are made while it is built: the command line from its code, and the files at the
top of the tree.

A hook of MkDocs (`mkdocs.yml`). Links between documents are kept; one that leads to source code becomes plain text,
because the site holds none.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "fpliif" / "weights"
COPIED = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/segport_extras/README.md": "extras.md",
    **{f"fpliif/weights/{path.name}": f"checkpoints/{path.name}" for path in sorted(CHECKPOINTS.glob("*.md"))},
}
"""Path in the tree -> page."""
_LINK = re.compile(r"(!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add the pages that are not in docs/."""
    from mkdocs.structure.files import File

    for source, page in COPIED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=relinked(text, source, page)))
    files.append(File.generated(config, "cli.md", content=command_line()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Mend links of pages that lie in docs/ and point out of it."""
    name = page.file.src_uri
    return markdown if name in {*COPIED.values(), "cli.md"} else relinked(markdown, f"docs/{name}", name)


def relinked(text: str, source: str, page: str) -> str:
    """Links of a Markdown file at `source` in the tree, as they must be on `page` of the site."""

    def mended(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = COPIED.get(meant) or (meant.removeprefix("docs/") if meant.startswith("docs/") else None)
        if place is None or place.endswith(".json"):
            return found["text"]
        relative = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"{found[1]}({relative}{found['anchor'] or ''})"

    return _LINK.sub(mended, text)


def command_line() -> str:
    """Every command with its options, from the command line itself."""
    import typer
    from typer.cli import get_docs_for_click

    from toolkit.cli.app import build

    command = build()
    with typer.Context(command, info_name="segport") as context:
        return get_docs_for_click(obj=command, ctx=context, name="segport", title="Commands")
