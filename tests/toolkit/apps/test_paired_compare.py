"""`segport compare` on runs that keep per-picture counts: paired intervals, and the older way where there are none."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.toolkit.test_whole_story import FACTORY, SIDE
from toolkit.cli import run_command
from toolkit.errors import ExitStatus
from toolkit.run_folder.folder import RunFolder
from validation.accuracy.matrices import Matrices, MatrixStore
from validation.verdict.bootstrap import delta_intervals

BIASED = """
class Biased(Brightest):
    '''Sees a little too much red.'''

    def forward(self, image):
        return super().forward(image) + torch.tensor([BIAS, 0.0, 0.0])[None, :, None, None]
"""
PICTURES = 10


def draw(root: Path) -> None:
    """Blocks of three colours that lie close together, so that a small bias tips some pixels of every picture."""
    random = np.random.default_rng(3)
    colours = np.array([[150, 110, 100], [110, 150, 100], [110, 100, 150]])
    for split, count in (("train", 2), ("test", PICTURES)):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = random.integers(0, 3, (4, 4)).repeat(8, 0).repeat(8, 1)
            picture = np.clip(colours[mask] + random.normal(0, 12, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{split}{index}.png")
            Image.fromarray(mask.astype(np.uint8)).save(root / split / "masks" / f"{split}{index}.png")
    (root / "classes.txt").write_text("red\ngreen\nblue\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs `a` and `b` on the same pictures; `b` sees too much red."""
    root = tmp_path_factory.mktemp("paired")
    draw(root / "data")
    (root / "paired_nets.py").write_text(FACTORY + BIASED.replace("BIAS", "0.6"))
    (root / "names.txt").write_text("red\ngreen\nblue\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, folder in (("Brightest", "a"), ("Biased", "b")):
            given = [
                "run",
                "--model",
                f"paired_nets:{name}",
                "--classes",
                "names.txt",
                "--dataset",
                "folder:data",
                "--input-size",
                str(SIDE),
                "--images",
                str(PICTURES),
                "--formats",
                "onnx",
                "--recipes",
                "float32",
                "--latency-samples",
                "0",
                "--threads",
                "1",
                "--examples",
                "0",
                "--no-checks",
                "--out",
                folder,
                "--quiet",
            ]
            assert run_command(given) == ExitStatus.PASS
    return root


def compared(place: Path, before: str, after: str, status: ExitStatus) -> dict[str, Any]:
    """Accuracy rows of the comparison by what they are about."""
    found = place / "rows.json"
    limits = ["--max-latency-growth", "99", "--max-size-growth", "9"]
    assert run_command(["compare", str(place / before), str(place / after), "--json", str(found), *limits]) == status
    rows = json.loads(found.read_text())["rows"]
    return {row["what"]: row for row in rows if row["unit"] == "iou" and row["where"].startswith("onnx-float32")}


def stored(place: Path, run: str) -> Matrices:
    found = MatrixStore(RunFolder(place / run).matrices).load("onnx-float32", "onnxruntime", "cpu", None)
    assert found is not None
    return found


def test_a_known_difference_comes_with_its_interval(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = compared(place, "a", "b", ExitStatus.GATE_FAILED)
    row = rows["mean IoU"]
    low, high = row["interval"]
    assert row["change"] < -0.02
    assert low <= row["change"] <= high < 0
    expected = delta_intervals(stored(place, "b").per_image, stored(place, "a").per_image)
    assert (low, high) == expected.miou
    assert [tuple(rows[f"IoU of {name}"]["interval"]) for name in ("red", "green", "blue")] == list(expected.per_class)
    assert row["finding"] == "worse"
    assert f"over {PICTURES} pictures: a difference is shown" in " ".join(capsys.readouterr().out.split())


def test_the_interval_turns_with_the_order_of_the_runs(place: Path) -> None:
    forth = compared(place, "a", "b", ExitStatus.GATE_FAILED)["mean IoU"]["interval"]
    back = compared(place, "b", "a", ExitStatus.PASS)["mean IoU"]["interval"]
    assert back == pytest.approx([-forth[1], -forth[0]])


def test_a_run_against_itself_shows_no_difference(place: Path) -> None:
    row = compared(place, "a", "a", ExitStatus.PASS)["mean IoU"]
    assert row["interval"] == [0.0, 0.0]
    assert row["finding"] == "same"


@pytest.mark.parametrize("how", ["cleared", "damaged", "of other pictures"])
def test_without_counts_of_the_same_pictures_the_reports_intervals_are_used(
    how: str, place: Path, tmp_path: Path
) -> None:
    for run in ("a", "b"):
        shutil.copytree(place / run, tmp_path / run)
    matrices = RunFolder(tmp_path / "b").matrices
    (file,) = matrices.glob("*.npz")
    if how == "cleared":
        shutil.rmtree(matrices.parent)
    elif how == "damaged":
        file.write_bytes(file.read_bytes()[:100])
    else:
        with np.load(file) as content:
            arrays = dict(content)
        arrays["texts"][0] = "0" * 64
        np.savez_compressed(file, **arrays)
    row = compared(tmp_path, "a", "b", ExitStatus.GATE_FAILED)["mean IoU"]
    assert row["interval"] is None
    assert row["note"] in ("95 % intervals lie apart", "95 % intervals overlap")


def test_counts_of_other_pictures_do_not_pair(place: Path) -> None:
    mine = stored(place, "a")
    assert mine.pairs_with(stored(place, "b"))
    for other in (
        dataclasses.replace(mine, ids=mine.ids[::-1]),
        dataclasses.replace(mine, dataset="another"),
        dataclasses.replace(mine, evaluated_at=(8, 8)),
        dataclasses.replace(mine, judged_at="original"),
    ):
        assert not mine.pairs_with(other)


def test_what_was_saved_is_what_was_counted(place: Path) -> None:
    found, report = stored(place, "a"), json.loads((place / "a/report.json").read_text())
    assert found.dataset == report["dataset"]["digest"]
    assert found.artifact == report["artifacts"][0]["sha256"]
    assert found.per_image.dtype == np.uint32
    assert found.per_image.sum() == PICTURES * SIDE * SIDE
    pooled = found.per_image.sum(axis=0, dtype=np.int64)
    hits = np.diag(pooled)
    miou = float(np.mean(hits / (pooled.sum(0) + pooled.sum(1) - hits)))
    assert miou == pytest.approx(report["artifacts"][0]["runs"][0]["miou"])
    assert not list(RunFolder(place / "a").matrices.glob(".*"))
