"""The guide, executed as a reader would: files written, programs run, commands typed, all in one folder."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import Block, blocks
from tests.running.warm.starting import WARM_VARIABLE

ROOT = Path(__file__).resolve().parents[2]


def executed(arguments: list[str], folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), WARM_VARIABLE: "1"}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


def follow(block: Block, folder: Path) -> int:
    """Do what a block says; how many things were done."""
    if block.title is not None:
        (folder / block.title).write_text(block.text)
        return 1
    if block.language == "python":
        executed([sys.executable, "-c", block.text], folder)
        return 1
    for command in block.commands:
        program, *arguments = shlex.split(command)
        assert program == "segport"
        executed([sys.executable, "-c", "from toolkit.cli import main; main()", *arguments], folder)
    return len(block.commands)


def test_the_guide_works_as_written(tmp_path: Path) -> None:
    done = [follow(block, tmp_path) for block in blocks(ROOT / "docs" / "start" / "guide.md")]
    assert sum(done) >= 12
    assert (tmp_path / "runs" / "mine" / "report.html").exists()


def test_the_examples_of_extensions_work_as_written(tmp_path: Path) -> None:
    programs = [block for block in blocks(ROOT / "docs" / "extending.md") if block.language == "python"]
    assert [follow(block, tmp_path) for block in programs] == [1, 1]
