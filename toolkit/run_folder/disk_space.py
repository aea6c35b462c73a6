"""Is there room for what a run will write? Asked before any work is done, not when the disk is full."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from converters import Plan

FLOAT_BYTES = 4
INTERMEDIATE_FILES = 3
"""Float32 files that converters keep beside the artifacts while they work: an exported graph and its rewrites."""
BYTES_A_PIXEL = 3
"""Of the float reference's answer, kept while artifacts are judged: a label and a margin."""


def needed_bytes(plan: Plan, images: int) -> int:
    """An estimate from above of what a run writes, small files left out: weights as floats, and the reference's
    answers."""
    source = plan.source
    files = len(plan.conversions) + INTERMEDIATE_FILES
    height, width = source.output_size
    return files * FLOAT_BYTES * (source.parameters or 0) + images * height * width * BYTES_A_PIXEL


def check_room(folder: Path, plan: Plan, images: int = 0) -> None:
    """Raise UsageError if the disk of `folder` (which need not exist yet) has less room than the run may need."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free, needed = shutil.disk_usage(there).free, needed_bytes(plan, images)
    if free < needed:
        raise UsageError(
            f"{folder} may need {needed / 1e6:,.0f} MB, but its disk has {free / 1e6:,.0f} MB free; make room or choose"
            " another --out"
        )
