"""Pictures without labels: agreement with the float network, class flips and margins, said plainly to be no
accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdata import IGNORE_INDEX, LabelSet
from segdata.errors import DataError
from segdata.photos import Photos
from tests.toolkit.test_whole_story import FACTORY, SIDE, draw_dataset
from toolkit.cli import run_command
from toolkit.document.outcome import load_outcome
from toolkit.errors import ExitStatus

LABELS = LabelSet("three", ("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def draw_photos(folder: Path, count: int = 3) -> Path:
    """Photographs of several sizes, one in a subfolder, beside files that are none."""
    random = np.random.default_rng(5)
    (folder / "more").mkdir(parents=True)
    for number in range(count):
        picture = random.integers(0, 256, (40 + 7 * number, 50, 3)).astype(np.uint8)
        Image.fromarray(picture).save(folder / ("more/last.png" if number == count - 1 else f"{number}.png"))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture either")
    return folder


def test_a_folder_of_photographs_is_a_dataset_of_ignored_pixels(tmp_path: Path) -> None:
    photos = Photos(draw_photos(tmp_path / "photos"), LABELS)
    assert [photos.sample_id(index) for index in range(len(photos))] == ["0.png", "1.png", "more/last.png"]
    sample = photos[1]
    assert sample.image.shape == (47, 50, 3)
    assert set(np.unique(sample.mask)) == {IGNORE_INDEX}
    assert (photos.mask_at(0, 5, 7) == IGNORE_INDEX).all()
    before = photos.digest()
    Image.new("RGB", (9, 9)).save(tmp_path / "photos/0.png")
    assert Photos(tmp_path / "photos", LABELS).digest() != before


def test_a_folder_without_photographs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; give a folder of photographs"):
        Photos(tmp_path / "nowhere", LABELS)
    with pytest.raises(DataError, match="holds no photographs"):
        Photos(tmp_path, LABELS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    draw_dataset(root / "data")
    draw_photos(root / "holiday")
    (root / "brightest.py").write_text(FACTORY)
    (root / "names.txt").write_text("red\ngreen\nblue\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        given = [
            "convert",
            "--model",
            "brightest:Brightest",
            "--classes",
            "names.txt",
            "--dataset",
            "folder:data",
            "--input-size",
            str(SIDE),
            "--calibration-images",
            "4",
            "--formats",
            "tflite",
            "--recipes",
            "float32,int8_static",
            "--out",
            "out",
            "--quiet",
        ]
        assert run_command(given) == ExitStatus.PASS
    return root


def test_validate_without_labels(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert run_command(["validate", "out", "--photos", "holiday", "--threads", "1", "--quiet"]) == ExitStatus.PASS
    document = load_outcome(place / "out").document
    assert document["dataset"]["labels"] is False
    assert document["dataset"]["images"] == 3
    assert document["reference"]["miou"] is None
    for artifact in document["artifacts"]:
        (run,) = (run for run in artifact["runs"] if run["runner"] == "litert")
        flips = np.array(run["class_flips"])
        assert flips.sum() == 3 * SIDE * SIDE
        assert run["pixel_agreement"] == np.trace(flips) / flips.sum()
        assert run["miou"] is None
        assert run["margin_at_flips"]["pixels"] == flips.sum() - np.trace(flips)
        assert "without labels, the same class as the float network at" in artifact["verdict"]["reasons"][0]
    shown = " ".join(capsys.readouterr().out.split())
    assert "There were no labels" in shown
    assert "limits of agreement with the float network (there were no labels)" in shown
    for report in ("report.md", "report.html"):
        assert "There were no labels" in (place / "out" / report).read_text()


def test_the_gate_of_agreement(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    given = [
        "validate",
        "out",
        "--photos",
        "holiday",
        "--threads",
        "1",
        "--quiet",
        "--no-checks",
        "--min-agreement",
        "1",
    ]
    assert run_command(given) == ExitStatus.GATE_FAILED
    verdicts = {item["name"]: item["verdict"] for item in load_outcome(place / "out").document["artifacts"]}
    assert verdicts["tflite-float32"]["status"] == "pass"
    assert verdicts["tflite-int8_static"]["status"] == "fail"
    assert "(limit 100.00%)" in verdicts["tflite-int8_static"]["reasons"][0]


@pytest.mark.parametrize("bad", ["nowhere", "data"])
def test_a_bad_folder_at_the_command_line(
    bad: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    folder = place / bad / "train" / "nothing" if bad == "data" else Path(bad)
    assert run_command(["validate", "out", "--photos", str(folder), "--quiet"]) == ExitStatus.BAD_INPUT
    assert "give a folder of photographs" in capsys.readouterr().err
