"""Kills `segport run` at random moments with SIGKILL, lets a second run continue, and compares with an undisturbed one.

    python -m tests.reliability.kills --count 50 --page docs/measured/reliability.md

The network is a small one and latency is not measured, so that everything in report.json is determined by the inputs,
except the facts listed in VARYING. A kill counts only if it found the process alive.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.kept_page import keep_result
from tests.reliability.page import PARTS, kills_table
from tests.toolkit.cli.test_bad_input import folder_dataset

ROOT = Path(__file__).resolve().parents[2]
RECIPES = "float32,int8_static,int8_weights"
VARYING = ("created", "duration_seconds", "command", "environment", "peak_memory_bytes")
"""Facts of the moment and the machine."""
LIMIT_SECONDS = 600.0


@dataclass
class Figures:
    """What became of the kills.

    Attributes:
        found: where the process was when it was killed, by what lay in the folder.
        faults: one sentence for each run that did not come out as the undisturbed one.
    """

    found: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def arguments(folder: Path) -> tuple[str, ...]:
    """A small network on a small dataset, which is written below `folder`; every format."""
    data = folder_dataset(folder / "data", ("sky", "road", "car", "tree"))
    return (
        "run",
        "--quiet",
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
        "--latency-samples",
        "0",
        "--examples",
        "2",
        "--formats",
        "tflite,coreml,onnx",
        "--recipes",
        RECIPES,
    )


def start(out: Path, given: tuple[str, ...]) -> subprocess.Popen[str]:
    """`segport run` into `out`, as a process of its own."""
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", *given, "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finished(out: Path, given: tuple[str, ...]) -> float:
    """Run to the end; seconds it took. Raises RuntimeError if it ends with another status than 0 or 1 (a gate)."""
    began = time.monotonic()
    process = start(out, given)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"segport ended with {process.returncode}: {errors.strip()[-300:]}")
    return time.monotonic() - began


def settled(document: Any) -> Any:
    """A report without the facts that differ from run to run."""
    if isinstance(document, dict):
        return {key: settled(value) for key, value in document.items() if key not in VARYING}
    return [settled(item) for item in document] if isinstance(document, list) else document


def content(out: Path) -> tuple[Any, frozenset[str]]:
    """The report that counts, and the names of all files."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return settled(report), frozenset(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def stage_of(out: Path) -> str:
    """How far a run had come, in one word."""
    if not (out / "artifacts").exists():
        return "starting"
    if not (out / "manifest.json").exists():
        return "converting"
    return "reporting" if (out / "report.json").exists() else "judging"


def attack(count: int, seed: int, folder: Path) -> Figures:
    """Kill `count` runs, each at its own moment, in fresh folders below `folder`; then continue and compare."""
    figures, moments = Figures(), random.Random(seed)
    given = arguments(folder)
    quiet = finished(folder / "undisturbed", given)
    wanted, files = content(folder / "undisturbed")
    while sum(figures.found.values()) < count:
        out = folder / "killed"
        process = start(out, given)
        time.sleep(moments.uniform(0.0, quiet))
        if process.poll() is not None:
            shutil.rmtree(out)  # it was faster than the undisturbed one
            continue
        process.kill()
        process.communicate()
        stage = stage_of(out)
        figures.found[stage] += 1
        try:
            finished(out, given)
            report, there = content(out)
            if report != wanted:
                figures.faults.append(f"killed while {stage}: another report")
            if there != files:
                figures.faults.append(f"killed while {stage}: files differ: {sorted(there ^ files)[:3]}")
        except (RuntimeError, OSError, ValueError) as error:
            figures.faults.append(f"killed while {stage}: {error}")
        print(
            f"{sum(figures.found.values())} of {count}: killed while {stage}, {len(figures.faults)} faults", flush=True
        )
        shutil.rmtree(out)
    return figures


def main() -> int:
    """Attack and print the figures; 1 if anything came out otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="kills")
    parser.add_argument("--seed", type=int, default=0, help="which moments")
    parser.add_argument("--page", type=Path, help="a document to fill in, docs/measured/reliability.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = attack(options.count, options.seed, Path(folder))
    result = {"seed": options.seed, "found": dict(sorted(figures.found.items())), "faults": len(figures.faults)}
    print(kills_table({"kills": result}))
    if options.page is not None:
        keep_result(options.page, PARTS, "kills", result)
    for fault in figures.faults:
        print(f"FAULT {fault}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
