"""The example extension, installed as a package of its own: found through its entry points, run, and held to the
contracts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running.warm.starting import WARM_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = (
    "tests/quantization/test_recipes.py",
    "tests/segdata/test_dataset_contract.py",
    "tests/validation/metrics/test_metric_contract.py",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that has the extension; ours stays as it is."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    source = tmp_path_factory.mktemp("source") / "segport_extras"  # a build leaves files beside what it builds
    subprocess.run(["cp", "-r", str(ROOT / "examples" / "segport_extras"), str(source)], check=True)
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, timeout=120)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(target), str(ROOT)]), WARM_VARIABLE: "1"}


def test_it_is_not_there_without_being_installed() -> None:
    from quantization import recipes

    assert "palette3" not in recipes()


def test_its_format_recipe_runtime_and_dataset_make_a_report(installed: dict[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from toolkit.cli import main; sys.exit(main())",
        "run",
        "--model",
        "tests.toolkit.models.awkward_networks:plain",
    ]
    command += [
        "--dataset",
        "stripes",
        "--input-size",
        "32",
        "--images",
        "3",
        "--latency-samples",
        "2",
        "--examples",
        "0",
    ]
    command += ["--formats", "torchscript,coreml", "--recipes", "scripted,palette3", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=installed, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr  # an untrained network may well lose a class to 3 bits
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    runs = {item["name"]: item["runs"] for item in report["artifacts"]}
    assert set(runs) == {"torchscript-scripted", "coreml-palette3"}
    (scripted,) = runs["torchscript-scripted"]
    assert (scripted["runner"], scripted["status"]) == ("torchscript", "measured")
    assert abs(scripted["delta_miou"]) < 1e-6
    assert 0 < scripted["metrics"]["cohens_kappa"] + 1 <= 2
    assert scripted["metrics"].keys() == report["reference"]["metrics"].keys()
    assert report["dataset"]["name"] == "stripes" and report["dataset"]["images"] == 3


def test_it_keeps_segports_contracts(installed: dict[str, str]) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *CONTRACTS,
            "-k",
            "palette3 or scripted or stripes or cohens_kappa",
        ],
        env=installed,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_something_else_under_an_entry_point_is_named(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[segport.recipes]\nnumber = math:pi\n")
    done = subprocess.run(
        [sys.executable, "-c", "import quantization; quantization.recipes()"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "entry point 'math:pi' is no Recipe" in done.stderr
