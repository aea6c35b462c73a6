"""The generic reader: anybody's images and masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segdata import DataError, LabelSet, open_dataset
from tests.segdata.dataset_trees import folder_tree, random_ids, write_image, write_mask

AB = LabelSet("ab", ("background", "thing1", "thing2"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def test_masks_come_back_exactly(tmp_path: Path) -> None:
    masks = folder_tree(tmp_path, count=7)
    read = {s.id: s.mask for split in ("train", "test") for s in open_dataset(f"folder:{tmp_path}", split)}
    assert read.keys() == masks.keys()
    for name, ids in masks.items():
        np.testing.assert_array_equal(read[name], ids)


def test_split_folders_are_used(tmp_path: Path) -> None:
    folder_tree(tmp_path, count=2, split="train")
    folder_tree(tmp_path, count=3, split="test")
    assert len(open_dataset(f"folder:{tmp_path}", "train")) == 2
    assert len(open_dataset(f"folder:{tmp_path}", "test")) == 3
    with pytest.raises(DataError, match="no split 'val'; it has: train, test"):
        open_dataset(f"folder:{tmp_path}", "val")


@given(
    names=st.lists(st.text("abcdefghij-_0123456789", min_size=1, max_size=8), min_size=2, max_size=9, unique=True),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    classes=st.integers(1, 250),
    indexed=st.booleans(),
)
def test_any_tree_reads_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], shape: tuple[int, int], classes: int, indexed: bool
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for seed, name in enumerate(names):
        write_image(root / "images" / f"{name}.png", *shape, seed)
        write_mask(root / "masks" / f"{name}.png", random_ids(seed, *shape, classes), indexed)
    (root / "classes.json").write_text(json.dumps([f"class {index}" for index in range(classes)]))
    read = {s.id: s for split in ("train", "val") for s in open_dataset(f"folder:{root}", split)}
    assert sorted(read) == sorted(names)
    for seed, name in enumerate(names):
        np.testing.assert_array_equal(read[name].mask, random_ids(seed, *shape, classes))
        with Image.open(root / "images" / f"{name}.png") as image:
            np.testing.assert_array_equal(read[name].image, np.asarray(image))


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    write_image(tmp_path / "test/images/a.png", 1, 4)
    write_mask(tmp_path / "test/masks/a.png", np.array([[0, 1, 2, 255]], dtype=np.uint8))
    (tmp_path / "classes.txt").write_text("thing2\n\nbackground\nthing1\n")
    sample = open_dataset(f"folder:{tmp_path}", "test", labels=AB)[0]
    assert sample.mask.tolist() == [[2, 0, 1, 255]]
    (tmp_path / "classes.txt").write_text("thing2\nsky\nthing1\n")
    with pytest.raises(DataError, match="no class 'sky'"):
        open_dataset(f"folder:{tmp_path}", "test", labels=AB)


def test_classes_json_sets_colours_and_mirrors(tmp_path: Path) -> None:
    folder_tree(tmp_path, classes=2)
    (tmp_path / "classes.txt").unlink()
    content = {"names": ["left", "right"], "colours": [[9, 8, 7], [6, 5, 4]], "mirrored": [["left", "right"]]}
    (tmp_path / "classes.json").write_text(json.dumps(content))
    labels = open_dataset(f"folder:{tmp_path}", "test").labels
    assert labels.colours == ((9, 8, 7), (6, 5, 4))
    assert labels.mirrored == (("left", "right"),)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "3",
        "[]",
        "[1]",
        '{"names": ["a"], "colors": []}',
        '{"names": ["a"], "colours": [[1, 2]]}',
        '{"names": ["a"], "colours": [[1, 2, 300]]}',
        '{"names": ["a", "a"]}',
        '{"names": ["a"], "mirrored": [["a", "b"]]}',
        '{"names": ["a"], "colours": 5}',
        '{"names": ["a"], "mirrored": 5}',
    ],
)
def test_bad_class_files_are_refused(content: str, tmp_path: Path) -> None:
    folder_tree(tmp_path)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(DataError):
        open_dataset(f"folder:{tmp_path}", "test")


def _tree(root: Path) -> None:
    folder_tree(root, count=3, split="test")


def _without_classes(root: Path) -> None:
    (root / "classes.txt").unlink()


def _without_masks(root: Path) -> None:
    for path in (root / "test/masks").iterdir():
        path.unlink()
    (root / "test/masks").rmdir()


def _empty(root: Path) -> None:
    for path in (root / "test").rglob("*.*"):
        path.unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without_classes, r"does not name its classes; add .*classes\.txt"),
        (_without_masks, r"masks does not exist; the expected layout is"),
        (_empty, r"there are no images in .*images"),
        (lambda root: (root / "test/masks/picture01.png").unlink(), r"picture01\.jpg has no partner in .*masks"),
        (lambda root: (root / "test/images/picture02.jpg").unlink(), r"picture02\.png has no partner in .*images"),
        (lambda root: write_image(root / "test/images/picture00.png", 9, 12), r"share the name 'picture00'"),
        (lambda root: (root / "classes.json").write_text("[]"), r"both name the classes"),
    ],
)
def test_a_bad_tree_is_refused_on_opening(harm: object, message: str, tmp_path: Path) -> None:
    _tree(tmp_path)
    harm(tmp_path)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        open_dataset(f"folder:{tmp_path}", "test")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda root: write_mask(root / "test/masks/picture00.png", random_ids(0, 5, 5, 3)),
            r"masks/picture00\.png is 5x5 but image .*images/picture00\.jpg is 12x9",
        ),
        (
            lambda root: write_mask(root / "test/masks/picture00.png", np.full((9, 12), 7, dtype=np.uint8)),
            r"masks/picture00\.png holds the unknown class id 7; the label set has ids 0 to 2",
        ),
        (
            lambda root: write_image(root / "test/masks/picture00.png", 9, 12),
            r"masks/picture00\.png has mode 'RGB'; store class ids",
        ),
        (
            lambda root: (root / "test/masks/picture00.png").write_bytes(b"not a picture"),
            r"mask .*picture00\.png cannot be read",
        ),
        (
            lambda root: (root / "test/images/picture00.jpg").write_bytes(
                (root / "test/images/picture00.jpg").read_bytes()[:300]
            ),
            r"image .*picture00\.jpg cannot be read",
        ),
    ],
)
def test_a_bad_file_is_named_on_reading(harm: object, message: str, tmp_path: Path) -> None:
    _tree(tmp_path)
    harm(tmp_path)  # type: ignore[operator]
    dataset = open_dataset(f"folder:{tmp_path}", "test")
    with pytest.raises(DataError, match=message):
        dataset[0]
    assert dataset[1].mask.shape == (10, 12)


def test_a_picture_alone_cannot_judge_and_calibrate(tmp_path: Path) -> None:
    folder_tree(tmp_path, count=1)
    assert len(open_dataset(f"folder:{tmp_path}", "train")) == 1
    with pytest.raises(DataError, match="single picture"):
        open_dataset(f"folder:{tmp_path}", "test")
