"""`segport search` from the command line on a network with one planted weak layer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quantization.policy import read_policy
from tests.toolkit.apps.search.fragile_network import CLASSES, COLOURS, PLANTED

ROOT = Path(__file__).resolve().parents[4]


def segport(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy stripes of four colours as a folder dataset."""
    root, random = tmp_path_factory.mktemp("stripes"), np.random.default_rng(0)
    for split, count in (("train", 4), ("test", 4)):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for number in range(count):
            mask = np.repeat(np.repeat(random.integers(0, 4, (4, 4)), 8, 0), 8, 1).astype(np.uint8)
            picture = COLOURS.numpy()[mask] * 255 + random.normal(0, 8, (32, 32, 3))
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(root / split / "images" / f"{number}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{number}.png")
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root


def arguments(stripes: Path, out: Path) -> list[str]:
    return [
        "search",
        "--model",
        "tests.toolkit.apps.search.fragile_network:fragile",
        "--dataset",
        f"folder:{stripes}",
        "--classes",
        str(stripes / "classes.txt"),
        "--input-size",
        "32",
        "--latency-samples",
        "3",
        "--threads",
        "1",
        "--out",
        str(out),
    ]


def test_the_weak_layer_is_found_kept_and_named(stripes: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    done = segport(*arguments(stripes, out))
    assert done.returncode == 0, done.stderr
    policy = read_policy(out / "policy.toml")
    assert [entry.layer for entry in policy.keep] == [PLANTED] or PLANTED in [entry.layer for entry in policy.keep]
    assert f"{PLANTED}: alone in int8" in done.stdout
    found = json.loads((out / "search.json").read_text())
    plain = next(item for item in found["tried"] if not item["kept"])
    assert plain["worst_delta"] < -0.2, "plain int8 does not collapse: the network is not fragile"
    assert -found["best"]["worst_delta"] <= 0.005
    assert found["sensitivity"][0]["name"] == PLANTED
    # A folder without `val`: the same pictures chose and prove, and the search says so.
    assert found["chosen_on"] == "test" and "no split val to choose on" in done.stderr
    assert "both choose the policy and prove it" in done.stderr
    report = json.loads((out / "run" / "report.json").read_text())
    (artifact,) = [item for item in report["artifacts"] if item["name"] == "tflite-int8_static"]
    assert -artifact["runs"][0]["delta_miou"] <= 0.005
    for picture in ("pareto.png", "sensitivity.png"):
        assert Image.open(out / picture).size[0] > 300
    # A second search reads everything back and says the same.
    files = {path.name: path.stat().st_mtime_ns for path in (out / "cache" / "candidates").glob("*.tflite")}
    again = segport(*arguments(stripes, out))
    assert again.returncode == 0, again.stderr
    assert "sensitivity is read from" in again.stderr
    assert {path.name: path.stat().st_mtime_ns for path in (out / "cache" / "candidates").glob("*.tflite")} == files
    assert json.loads((out / "search.json").read_text())["tried"] == found["tried"]
    # The policy works for Core ML as well, by the same names.
    core = segport(
        "convert",
        "--model",
        "tests.toolkit.apps.search.fragile_network:fragile",
        "--dataset",
        f"folder:{stripes}",
        "--classes",
        str(stripes / "classes.txt"),
        "--input-size",
        "32",
        "--formats",
        "coreml",
        "--policy",
        str(out / "policy.toml"),
        "--out",
        str(tmp_path / "core"),
    )
    assert core.returncode == 0, core.stderr
    manifest = json.loads((tmp_path / "core" / "manifest.json").read_text())
    (made,) = manifest["artifacts"]
    assert made["name"] == "coreml-w8a8" and PLANTED in made["provenance"]["kept"]


def test_other_pictures_prove_than_those_that_choose(stripes: Path, tmp_path: Path) -> None:
    with_val = tmp_path / "stripes"
    shutil.copytree(stripes, with_val)
    shutil.copytree(stripes / "train", with_val / "val")
    done = segport(*arguments(with_val, tmp_path / "search"), "--images", "3")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "search" / "search.json").read_text())["chosen_on"] == "val"
    report = json.loads((tmp_path / "search" / "run" / "report.json").read_text())
    assert report["dataset"]["split"] == "test" and report["dataset"]["images"] == 3
    assert "both choose" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (("--max-class-drop", "0.001", "--max-miou-drop", "0.01"), "contradict"),
        (("--max-class-drop", "3"), "fractions"),
        (("--max-class-drop", "0.001", "--calibration-images", "0"), "calibration-images"),
        (("--minimize", "beauty"), "size or latency"),
        (("--minimize", "latency", "--latency-samples", "0"), "measures nothing"),
        (("--calibration-images", "0"), "calibration-images"),
    ],
)
def test_bad_input_is_one_sentence(changes: tuple[str, ...], says: str, stripes: Path, tmp_path: Path) -> None:
    done = segport(*arguments(stripes, tmp_path / "out"), *changes)
    assert done.returncode == 2, done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("segport: ")]
    assert len(errors) == 1 and says in errors[0]
    assert "Traceback" not in done.stderr


def test_a_layer_that_does_not_exist(stripes: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(
        'version = 1\nrecipe = "int8_static"\n[[keep]]\nlayer = "midle"\ntype = "float16"\n'
    )
    done = segport(
        "convert",
        "--model",
        "tests.toolkit.apps.search.fragile_network:fragile",
        "--dataset",
        f"folder:{stripes}",
        "--classes",
        str(stripes / "classes.txt"),
        "--input-size",
        "32",
        "--formats",
        "tflite",
        "--policy",
        str(tmp_path / "policy.toml"),
        "--out",
        str(tmp_path / "out"),
    )
    assert done.returncode == 2
    assert "no operation is called 'midle'" in done.stdout + done.stderr and "example: middle" in " ".join(
        (done.stdout + done.stderr).split()
    )
