"""`segport` as a process of its own, for tests of what happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.reliability import hostile
from tests.toolkit.cli.test_bad_input import folder_dataset

ROOT = Path(__file__).resolve().parents[2]


def small_run(folder: Path, *more: str) -> list[str]:
    """Arguments of a run of a small network on a small dataset, which is written below `folder`."""
    data = folder / "data"
    if not data.exists():
        folder_dataset(data, ("sky", "road", "car", "tree"))
    return [
        "run",
        "--model",
        "tests.toolkit.models.awkward_networks:plain",
        "--input-size",
        "64",
        "--upsample",
        "bilinear",
        "--dataset",
        f"folder:{data}",
        "--classes",
        str(data / "classes.txt"),
        "--quiet",
        *more,
    ]


def started(folder: Path, arguments: list[str], **variables: str) -> subprocess.Popen[str]:
    """`segport`, with the hostile converter and runtime, in a session of its own as a terminal's foreground job is."""
    place = folder / "site"
    if not place.exists():
        hostile.install(place)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", "from toolkit.cli import main; main()", *arguments],
        cwd=ROOT,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that it started and those that these started."""
    return psutil.Process(process.pid).children(recursive=True)


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a moment."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
