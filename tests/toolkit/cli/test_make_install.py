"""`make install`: the command is found by every shell, and what is not segport's is left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree whose environment is ready, with a command in it that tells how it was called."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (1, 1))
    command = tmp_path / ".venv" / "bin" / "segport"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho called "$@"\n')
    command.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    return tmp_path


def make(tree: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": os.pathsep.join(filter(None, (path, os.environ["PATH"])))}
    return subprocess.run(
        ["make", *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_demo_says_how_to_get_the_command(tree: Path) -> None:
    done = make(tree, "demo")
    assert done.returncode == 0 and "called run --out runs/demo" in done.stdout
    assert "source .venv/bin/activate" in done.stdout and "make install" in done.stdout
    assert "make install" in make(tree, "help").stdout


@pytest.mark.parametrize("name", ["links", "my links"])
def test_install_links_the_command_and_says_whether_it_is_found(tree: Path, name: str) -> None:
    links = tree / name
    done = make(tree, "install", f"LINKS={links}")
    assert done.returncode == 0 and f"{links} is not on PATH; add it" in done.stdout
    done = make(tree, "install", f"LINKS={links}", path=str(links))  # again: the link is its own
    assert done.returncode == 0 and "segport is on PATH" in done.stdout
    called = subprocess.run([str(links / "segport"), "doctor"], capture_output=True, text=True, check=True)
    assert called.stdout == "called doctor\n"


def test_install_leaves_a_file_of_that_name_alone(tree: Path) -> None:
    (tree / "links").mkdir()
    (tree / "links" / "segport").write_text("mine")
    done = make(tree, "install", f"LINKS={tree / 'links'}")
    assert done.returncode != 0 and "is no link; move it away" in done.stdout
    assert (tree / "links" / "segport").read_text() == "mine"
