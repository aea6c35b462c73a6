"""What fixes integer ranges where no training pictures with labels are named: photographs, or drawn faces, and that it
is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters import ModelSource, PixelRange
from segdata import open_dataset
from tests.toolkit.stages.test_photos import draw_photos
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.stages.picture_sets import calibration_note, calibration_set, judging_set

THREE = ("red", "green", "blue")


def source(classes: tuple[str, ...] = THREE) -> ModelSource:
    import torch

    return ModelSource(
        name="net",
        classes=classes,
        colours=tuple((number, 0, 0) for number in range(len(classes))),
        input_size=(16, 16),
        output_size=(16, 16),
        pixel_range=PixelRange.UNIT,
        parameters=1,
        weights_sha256="0",
        origin="net",
        module=torch.nn.Identity(),
    )


def flat_photos(folder: Path, count: int = 11) -> Path:
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.jpg")
    return folder


def options(**given: object) -> RunOptions:
    return RunOptions(model="x:y", input_size=(16, 16), calibration_images=4, **given)  # type: ignore[arg-type]


def test_a_folder_of_photographs_calibrates(tmp_path: Path) -> None:
    folder = flat_photos(tmp_path / "photos")
    given = options(dataset=f"folder:{folder}")
    found = calibration_set(given, source(), lambda: None)
    assert found.images.shape == (4, 16, 16, 3)
    assert set(found.ids) <= {f"{number:02d}.jpg" for number in range(11)}
    assert calibration_note(given, source()) == ""
    assert open_dataset(given.dataset, "train").layout == "photographs without labels, which can calibrate"


@pytest.mark.parametrize("limit", [2, 32])
def test_a_folder_of_photographs_does_not_judge(limit: int, tmp_path: Path) -> None:
    folder = flat_photos(tmp_path / "photos")
    given = options(dataset=f"folder:{folder}", images=limit)
    with pytest.raises(UsageError, match=r"can calibrate but not judge; judge by agreement with --photos FOLDER"):
        judging_set(given, source())


def test_photographs_that_judge_calibrate_without_overlap(tmp_path: Path) -> None:
    given = options(photos=flat_photos(tmp_path / "photos"))
    judging = judging_set(given, source())
    calibrating = calibration_set(given, source(), lambda: None)
    assert len(judging) == 8
    assert set(calibrating.ids) <= {"00.jpg", "05.jpg", "10.jpg"}
    assert not set(calibrating.ids) & {judging.sample_id(index) for index in range(len(judging))}
    assert "integer ranges are fixed on every fifth photograph of" in calibration_note(given, source())


def test_a_single_photograph_does_both(tmp_path: Path) -> None:
    given = options(photos=flat_photos(tmp_path / "photos", count=1))
    assert len(judging_set(given, source())) == len(calibration_set(given, source(), lambda: None).ids) == 1


def test_a_named_dataset_calibrates_and_all_photographs_judge(tmp_path: Path) -> None:
    folder = flat_photos(tmp_path / "photos")
    given = options(photos=draw_photos(tmp_path / "holiday"), dataset=f"folder:{folder}")
    assert len(judging_set(given, source())) == 3
    assert set(calibration_set(given, source(), lambda: None).ids) <= {path.name for path in folder.iterdir()}
    assert calibration_note(given, source()) == ""


def test_drawn_faces_that_calibrate_are_named(tmp_path: Path) -> None:
    faces = source(open_dataset("synthetic-faces", "train", size=16, limit=1).labels.names)
    assert calibration_note(options(), faces) == ""
    assert "integer ranges are fixed on drawn faces (synthetic-faces)" in calibration_note(options(), source())
    with_photos = options(photos=flat_photos(tmp_path / "photos"))
    assert "integer ranges are fixed on drawn faces (synthetic-faces)" in calibration_note(with_photos, faces)
    assert len(judging_set(with_photos, faces)) == 11


def test_photographs_show_no_classes_to_balance(tmp_path: Path) -> None:
    given = options(dataset=f"folder:{flat_photos(tmp_path / 'photos')}", calibration_choice="balanced")
    with pytest.raises(UsageError, match="show no classes to choose by"):
        calibration_set(given, source(), lambda: None)


def test_pictures_beside_masks_are_no_photographs(tmp_path: Path) -> None:
    folder = flat_photos(tmp_path / "data", count=6)
    for path in list(folder.iterdir()):
        Image.new("L", (30, 20), 1).save(folder / f"{path.stem}_mask.png")
    (folder / "classes.txt").write_text("a\nb\n")
    assert len(open_dataset(f"folder:{folder}", "test")) == 4
