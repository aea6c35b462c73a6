"""Every kind of dataset from the command line to the report, and what is wrong with one as the command line says it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.segdata.dataset_trees import coco_tree, coloured_tree, folder_tree, huggingface_tree, panoptic_tree
from toolkit.cli import run_command

NETWORKS = "tests.toolkit.models.awkward_networks"
FAST = [
    "--input-size",
    "32",
    "--formats",
    "onnx",
    "--latency-samples",
    "0",
    "--no-checks",
    "--examples",
    "0",
    "-t",
    "1",
]


def segport_run(network: str, spec: str, out: Path, *more: str) -> int:
    return run_command(["run", "-m", f"{NETWORKS}:{network}", "-d", spec, "-o", str(out), *FAST, *more])


def report(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "report.json").read_text())
    return content


CASES: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("folder", folder_tree, "three", "pictures with masks of class ids"),
    ("masks", folder_tree, "three", "pictures with masks of class ids"),
    ("folder", coloured_tree, "three", "pictures with colour-coded masks, colours from class_dict.csv"),
    ("folder", coco_tree, "three", "coco:PATH, COCO polygons and run lengths, instances_test2017.json"),
    ("coco", panoptic_tree, "two", "COCO panoptic, panoptic_test2017.json"),
    ("huggingface", huggingface_tree, "three", "Hugging Face dataset, columns 'image' and 'label'"),
]


@pytest.mark.parametrize(("kind", "tree", "network", "layout"), CASES, ids=[f"{c[0]} {c[1].__name__}" for c in CASES])
def test_a_dataset_judges_a_run(
    kind: str,
    tree: Callable[[Path], object],
    network: str,
    layout: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if kind == "huggingface":
        pytest.importorskip("pyarrow", reason="Hugging Face datasets are read by pyarrow, which is optional")
    tree(tmp_path / "data")
    status = segport_run(network, f"{kind}:{tmp_path / 'data'}", tmp_path / "out")
    printed = capfd.readouterr()
    found = report(tmp_path / "out")
    # An untrained network may answer with one class: nothing passes by such a score.
    assert status == (1 if found["meaningless"] else 0), printed.err
    assert found["dataset"]["layout"] == layout
    assert found["reference"]["miou"] is not None
    (run,) = found["artifacts"][0]["runs"]
    assert run["pixel_agreement"] > 0.999
    assert layout in " ".join((printed.out + printed.err).split())


def test_classes_are_brought_together_by_name(tmp_path: Path) -> None:
    """The same masks in another order of ids judge the same, if the network's classes are named."""
    coloured_tree(tmp_path / "data")
    names = tmp_path / "names.txt"
    names.write_text("sky\nroad\ncar\n")
    spec = f"folder:{tmp_path / 'data'}"
    assert segport_run("three", spec, tmp_path / "first", "--classes", str(names)) == 0
    rows = (tmp_path / "data" / "class_dict.csv").read_text().splitlines()
    (tmp_path / "data" / "class_dict.csv").write_text("\n".join([rows[0], rows[3], rows[1], rows[2]]) + "\n")
    assert segport_run("three", spec, tmp_path / "second", "--classes", str(names)) == 0
    first, second = (report(tmp_path / name)["reference"]["per_class_iou"] for name in ("first", "second"))
    assert list(first) == ["sky", "road", "car"]
    assert first == second


def test_classes_that_a_dataset_lacks_have_no_score(tmp_path: Path) -> None:
    coloured_tree(tmp_path / "data")
    (tmp_path / "data" / "labels.toml").write_text('ignore = ["sky"]\n')
    names = tmp_path / "names.txt"
    names.write_text("car\nroad\nsky\n")
    assert segport_run("three", f"folder:{tmp_path / 'data'}", tmp_path / "out", "--classes", str(names)) == 0
    assert list(report(tmp_path / "out")["reference"]["per_class_iou"]) == ["car", "road", "sky"]


BAD: list[tuple[Callable[[Path], object], Callable[[Path], object], str]] = [
    (coloured_tree, lambda r: (r / "labels.toml").write_text('ignore = ["fog"]'), "speaks of 'fog'"),
    (
        coloured_tree,
        lambda r: (r / "class_dict.csv").write_text("name,r,g,b\na,1,2,3\nb,0,0,0\nc,4,5,6\n"),
        "has the colour",
    ),
    (coco_tree, lambda r: (r / "annotations" / "instances_test2017.json").write_text("{"), "not readable JSON"),
    (coco_tree, lambda r: (r / "annotations" / "instances_test2017.json").unlink(), "no split 'test'"),
    (panoptic_tree, lambda r: (r / "annotations/panoptic_test2017/test0.png").write_bytes(b"x"), "cannot be read"),
    (folder_tree, lambda r: (r / "labels.toml").write_text('ignore = ["thing1"]'), "the model answers with 3 classes"),
]


@pytest.mark.parametrize(("tree", "harm", "says"), BAD, ids=[case[2] for case in BAD])
def test_a_bad_dataset_is_one_sentence(
    tree: Callable[[Path], object],
    harm: Callable[[Path], object],
    says: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tree(tmp_path / "data")
    harm(tmp_path / "data")
    status = segport_run("two" if tree is panoptic_tree else "three", f"folder:{tmp_path / 'data'}", tmp_path / "out")
    errors = capfd.readouterr().err
    said = [line for line in errors.splitlines() if line.startswith("segport: ")]
    assert status == 2, errors
    assert len(said) == 1
    assert says in said[0]
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_exit_3(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert segport_run("two", f"folder:{tmp_path}", tmp_path / "out") == 3
    assert "pip install" in capfd.readouterr().err


def test_names_of_which_only_some_are_the_models_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coloured_tree(tmp_path / "data")
    names = tmp_path / "names.txt"
    names.write_text("road\nsky\ntruck\n")
    assert segport_run("three", f"folder:{tmp_path / 'data'}", tmp_path / "out", "--classes", str(names)) == 2
    assert "class 'car' of dataset" in " ".join(capsys.readouterr().err.split())
    names.write_text("one\ntwo\nthree\n")  # none of the dataset's: by number
    assert segport_run("three", f"folder:{tmp_path / 'data'}", tmp_path / "out", "--classes", str(names)) == 0
