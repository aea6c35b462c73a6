"""The documentation site: built without a warning, complete, and true to the code it describes."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does: any warning is an error."""
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(target)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def documents() -> list[str]:
    """Paths below docs/ of all its Markdown files."""
    return sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))


def test_every_document_is_a_page_in_the_navigation(site: Path) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    for document in documents():
        assert (site / document).with_suffix(".html").is_file(), document
        assert re.search(rf"(- |: ){re.escape(document)}$", navigation, re.MULTILINE), f"{document} is in no navigation"


def test_no_folder_of_documents_is_crowded() -> None:
    for folder in [ROOT / "docs", *(path for path in (ROOT / "docs").rglob("*") if path.is_dir())]:
        entries = [path for path in folder.iterdir() if path.name != "__pycache__"]
        assert len(entries) <= 12, f"{folder.relative_to(ROOT)} holds {len(entries)} entries"


def test_the_commands_page_is_the_command_line(site: Path) -> None:
    from toolkit.cli.app import build

    page = (site / "cli.html").read_text()
    for name, command in build().commands.items():
        assert f'id="segport-{name}"' in page
        for parameter in command.params:
            for option in (item for item in parameter.opts if item.startswith("-")):
                assert option in page, f"{name} {option}"


def test_the_python_page_shows_docstrings(site: Path) -> None:
    page = (site / "api.html").read_text()
    for name in re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE):
        assert f'id="{name}"' in page, name
    assert "Quantize, convert, run every artifact, judge and report." in page


def test_the_python_page_explains_every_option(site: Path) -> None:
    from toolkit import RunOptions

    page = html.unescape((site / "api.html").read_text())
    for name, field in RunOptions.model_fields.items():
        place = page.index(f'id="toolkit.options.RunOptions.{name}"')
        first = (field.description or "").split("\n")[0].split("`")[0]
        assert first and first in page[place : place + 6000], name


def test_no_link_or_picture_leads_nowhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 25
    broken = []
    for page in pages:
        if page.name == "404.html":  # its links are absolute on purpose
            continue
        for target in re.findall(r'(?:href|src)="([^"]+)"', page.read_text()):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            if not (page.parent / parts.path).resolve().exists():
                broken.append(f"{page.relative_to(site)}: {target}")
    assert broken == []
