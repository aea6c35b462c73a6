"""Formats in which anybody keeps pictures and masks: exact masks, by name, and one sentence for what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segdata import DataError, LabelSet, open_dataset
from segdata.errors import MissingPackageError
from segdata.generic.coco_masks import covered, decoded
from tests.segdata.dataset_trees import (
    coco_tree,
    coloured_tree,
    compressed,
    folder_tree,
    helen_tree,
    huggingface_tree,
    lapa_tree,
    panoptic_tree,
    runs_of,
    simple_celeb_tree,
    write_image,
    write_mask,
)

Harm = Callable[[Path], object]
ALL = ("train", "test")


def masks_of(spec: str, splits: tuple[str, ...] = ALL, labels: LabelSet | None = None) -> dict[str, np.ndarray]:
    return {sample.id: sample.mask for split in splits for sample in open_dataset(spec, split, labels)}


def test_colours_become_the_classes_they_stand_for(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    found = masks_of(f"folder:{tmp_path}")
    assert found.keys() == wanted.keys()
    for name, ids in wanted.items():
        np.testing.assert_array_equal(found[name], ids)
    assert open_dataset(f"folder:{tmp_path}", "test").labels.names == ("road", "car", "sky")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nroad:128,64,128::\ncar:0,0,142::\nsky:70,130,180::\n"),
        ("classes.json", '{"names": ["road", "car", "sky"], "colours": [[128,64,128],[0,0,142],[70,130,180]]}'),
    ],
)
def test_colours_are_read_from_every_kind_of_class_file(name: str, content: str, tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    (tmp_path / "class_dict.csv").unlink()
    (tmp_path / name).write_text(content)
    found = masks_of(f"folder:{tmp_path}")
    assert all((found[key] == ids).all() for key, ids in wanted.items())


def test_id2label_names_the_ids(tmp_path: Path) -> None:
    folder_tree(tmp_path)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "id2label.json").write_text('{"0": "a", "2": "c", "1": "b"}')
    assert open_dataset(f"folder:{tmp_path}", "test").labels.names == ("a", "b", "c")


def test_polygons_and_run_lengths_are_drawn_exactly(tmp_path: Path) -> None:
    wanted = coco_tree(tmp_path)
    found = masks_of(f"coco:{tmp_path}", ("train", "val", "test"))
    assert found.keys() == wanted.keys()
    for name, ids in wanted.items():
        np.testing.assert_array_equal(found[name], ids)
    assert open_dataset(f"coco:{tmp_path}", "test").labels.names == ("background", "person", "car")


def test_of_two_that_overlap_the_smaller_lies_on_top(tmp_path: Path) -> None:
    coco_tree(tmp_path, count=1)
    path = tmp_path / "annotations" / "instances_test2017.json"
    document = json.loads(path.read_text())
    squares = [[[0, 0, 4, 0, 4, 4, 0, 4]], [[0, 0, 10, 0, 10, 8, 0, 8]]]
    document["annotations"] = [
        {"id": i, "image_id": 10, "category_id": category, "segmentation": squares[i]}
        for i, category in enumerate((7, 3))
    ]
    path.write_text(json.dumps(document))
    mask = open_dataset(f"coco:{tmp_path}", "test")[0].mask
    assert (mask[:4, :4] == 2).all()
    assert (mask[4:8, :10] == 1).all()
    assert (mask[8:] == 0).all()


def test_panoptic_segments_become_classes_and_nothing_is_ignored(tmp_path: Path) -> None:
    wanted = panoptic_tree(tmp_path)
    found = masks_of(f"coco:{tmp_path}", ("train", "val", "test"))
    for name, ids in wanted.items():
        np.testing.assert_array_equal(found[name], ids)
    assert open_dataset(f"coco:{tmp_path}", "val").labels.names == ("person", "car")


def test_one_annotation_file_is_shared_by_the_splits(tmp_path: Path) -> None:
    coco_tree(tmp_path / "whole", count=6)
    (tmp_path / "one" / "images").mkdir(parents=True)
    for path in (tmp_path / "whole" / "train2017").iterdir():
        path.rename(tmp_path / "one" / "images" / path.name)
    (tmp_path / "whole/annotations/instances_train2017.json").rename(tmp_path / "one" / "result.json")
    named = tmp_path / "whole" / "annotations" / "instances_test2017.json"
    assert len(open_dataset(f"coco:{named}", "test")) == 4
    for spec in (f"folder:{tmp_path / 'one'}", f"coco:{tmp_path / 'one' / 'result.json'}"):
        train, test = (set(masks_of(spec, (split,))) for split in ALL)
        assert (len(train), len(test)) == (2, 4)
        assert not train & test


def test_known_run_lengths_of_cocoapi() -> None:
    assert decoded("9") == [9]  # nothing of 3 x 3
    assert decoded("09") == [0, 9]  # all of it
    assert decoded("PP") is None  # cut off: more bits are announced


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40))
def test_run_lengths_read_back(runs: list[int]) -> None:
    assert decoded(compressed(runs)) == runs


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000), st.booleans())
def test_any_region_reads_back(height: int, width: int, seed: int, as_text: bool) -> None:
    where = np.random.default_rng(seed).random((height, width)) < 0.5
    runs = runs_of(where)
    counts = compressed(runs) if as_text else runs
    np.testing.assert_array_equal(covered({"size": [height, width], "counts": counts}, height, width, "x"), where)


@given(st.lists(st.tuples(st.floats(-3, 15), st.floats(-3, 15)), min_size=3, max_size=7))
def test_polygons_agree_with_an_independent_rule(points: list[tuple[float, float]]) -> None:
    """matplotlib's paths know which points lie inside an outline that does not cross itself; centres on an edge are
    left out."""
    from matplotlib.path import Path as Outline

    middle = np.mean(points, axis=0)
    points = sorted(points, key=lambda point: float(np.arctan2(point[1] - middle[1], point[0] - middle[0])))
    flat = [value for point in points for value in point]
    found = covered([flat], 12, 12, "x")
    centres = np.stack(np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5), axis=-1).reshape(-1, 2)
    outline = Outline([*points, points[0]], closed=True)
    inside = outline.contains_points(centres)
    ends = np.roll(np.array(points), -1, axis=0)
    far = np.ones(len(centres), dtype=np.bool_)
    for start, end in zip(np.array(points), ends, strict=True):
        along = end - start
        share = np.clip(((centres - start) @ along) / max(float(along @ along), 1e-12), 0, 1)
        far &= np.linalg.norm(centres - (start + share[:, None] * along), axis=1) > 2e-3
    np.testing.assert_array_equal(found.ravel()[far], inside[far])


def test_a_saved_dataset_reads_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Hugging Face datasets are read by pyarrow, which is optional")
    wanted = huggingface_tree(tmp_path / "data")
    for split, stored in (("train", "train"), ("val", "validation"), ("test", "test")):
        opened = open_dataset(f"huggingface:{tmp_path / 'data'}", split)
        for row, sample in enumerate(opened):
            np.testing.assert_array_equal(sample.mask, wanted[f"{stored}{row}"])
        assert opened.labels.names == ("background", "leaf", "stem")


def test_a_saved_dataset_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install .segport\[huggingface\]"):
        open_dataset(f"folder:{tmp_path}", "test")


SAVED: list[tuple[Harm, str]] = [
    (lambda r: (r / "id2label.json").unlink(), "does not name its classes"),
    (lambda r: (r / "test/state.json").write_text("{}"), "names no Arrow files"),
    (lambda r: (r / "test/state.json").write_text('{"_data_files": [{"filename": "../x.arrow"}]}'), "no Arrow files"),
    (lambda r: (r / "test/dataset_info.json").write_text('{"features": {"text": {}}}'), "a picture and a mask"),
    (lambda r: (r / "test/dataset_info.json").write_text("["), "not readable JSON"),
    (lambda r: next((r / "test").glob("*.arrow")).write_bytes(b"no arrow"), "cannot be read"),
    (lambda r: next((r / "test").glob("*.arrow")).unlink(), "does not exist"),
    (lambda r: (r / "dataset_dict.json").write_text('{"splits": ["train"]}'), "no split 'test'; it has: train"),
]


@pytest.mark.parametrize(("harm", "says"), SAVED, ids=[case[1] for case in SAVED])
def test_a_bad_saved_dataset(harm: Harm, says: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Hugging Face datasets are read by pyarrow, which is optional")
    huggingface_tree(tmp_path / "data")
    harm(tmp_path / "data")
    with pytest.raises(DataError, match=says):
        open_dataset(f"huggingface:{tmp_path / 'data'}", "test")[0]


@pytest.mark.parametrize(
    ("tree", "layout"),
    [
        (folder_tree, "pictures with masks of class ids"),
        (coloured_tree, "pictures with colour-coded masks, colours from class_dict.csv"),
        (coco_tree, "coco:PATH, COCO polygons and run lengths, instances_test2017.json"),
        (panoptic_tree, "coco:PATH, COCO panoptic, panoptic_test2017.json"),
        (lapa_tree, "lapa:PATH"),
        (helen_tree, "helen:PATH"),
        (simple_celeb_tree, "celebamask-hq:PATH"),
    ],
)
def test_a_folder_says_what_it_was_taken_for(tree: Callable[[Path], object], layout: str, tmp_path: Path) -> None:
    tree(tmp_path)
    assert open_dataset(f"folder:{tmp_path}", "test").layout == layout
    assert open_dataset(f"folder:{tmp_path}", "test", limit=1).layout == layout


def changes(root: Path, text: str) -> None:
    (root / "labels.toml").write_text(text)


def test_classes_are_renamed_merged_and_ignored_by_name(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    changes(tmp_path, 'ignore = ["sky"]\n[rename]\ncar = "road"\n')
    opened = open_dataset(f"folder:{tmp_path}", "test")
    assert opened.labels.names == ("road",)
    assert opened.labels.colours == ((128, 64, 128),)
    for sample in opened:
        np.testing.assert_array_equal(sample.mask, np.array([0, 0, 255], dtype=np.uint8)[wanted[sample.id]])


def test_an_ignored_id_may_lie_outside_the_classes(tmp_path: Path) -> None:
    write_image(tmp_path / "test/images/a.png", 1, 4)
    write_mask(tmp_path / "test/masks/a.png", np.array([[0, 1, 2, 254]], dtype=np.uint8))
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    changes(tmp_path, "ignore = [254, 0]\n")
    opened = open_dataset(f"folder:{tmp_path}", "test")
    assert opened.labels.names == ("b", "c")
    assert opened[0].mask.tolist() == [[255, 0, 1, 255]]


def test_renamed_classes_fit_the_label_set_asked_for(tmp_path: Path) -> None:
    wanted = coco_tree(tmp_path)
    changes(tmp_path, '[rename]\nperson = "skin"\nbackground = "else"\ncar = "else"\n')
    labels = LabelSet("two", ("skin", "else"), ((1, 1, 1), (2, 2, 2)))
    for name, mask in masks_of(f"coco:{tmp_path}", labels=labels).items():
        np.testing.assert_array_equal(mask, np.array([1, 0, 1], dtype=np.uint8)[wanted[name]])


def test_uncovered_pixels_are_what_labels_toml_says(tmp_path: Path) -> None:
    wanted = coco_tree(tmp_path / "drawn")
    changes(tmp_path / "drawn", 'unlabelled = "ignore"\n')
    opened = open_dataset(f"coco:{tmp_path / 'drawn'}", "test")
    assert opened.labels.names == ("person", "car")
    np.testing.assert_array_equal(opened[0].mask, np.array([255, 0, 1], dtype=np.uint8)[wanted["test0.png"]])
    wanted = panoptic_tree(tmp_path / "panoptic")
    changes(tmp_path / "panoptic", 'unlabelled = "void"\n')
    opened = open_dataset(f"coco:{tmp_path / 'panoptic'}", "test")
    assert opened.labels.names == ("void", "person", "car")
    np.testing.assert_array_equal(opened[0].mask, (wanted["test0.png"] + np.uint8(1)))


def test_labels_toml_is_part_of_the_digest(tmp_path: Path) -> None:
    coloured_tree(tmp_path)
    before = open_dataset(f"folder:{tmp_path}", "test").digest()
    changes(tmp_path, 'ignore = ["sky"]\n')
    assert open_dataset(f"folder:{tmp_path}", "test").digest() != before


def annotations(change: Callable[[dict[str, object]], object]) -> Harm:
    """Change the test annotations of a COCO tree."""

    def harm(root: Path) -> None:
        (path,) = (root / "annotations").glob("*_test2017.json")
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return harm


def first(key: str, value: object) -> Harm:
    return annotations(lambda document: document["annotations"][0].__setitem__(key, value))  # type: ignore[index]


def red_corner(root: Path) -> None:
    path = root / "masks" / "street1.png"
    with Image.open(path) as mask:
        changed = mask.copy()
    changed.putpixel((3, 2), (255, 0, 0))
    changed.save(path)


def judging(folder: Path) -> Path:
    """A file of the test split: of a flat folder the first and every fifth after it train."""
    return sorted(folder.iterdir())[1]


def deep_picture(root: Path) -> None:
    path = judging(root / "images")
    with Image.open(path) as picture:
        size = picture.size
    path.unlink()
    Image.fromarray(np.full(size[::-1], 40_000, np.uint16)).save(path.with_suffix(".png"))


def as_jpeg(root: Path) -> None:
    path = judging(root / "masks")
    with Image.open(path) as mask:
        ids = Image.fromarray(np.array(mask))
    path.unlink()
    ids.save(path.with_suffix(".jpg"))


def turned_mask(root: Path) -> None:
    path = judging(root / "masks")
    with Image.open(path) as mask:
        turned = mask.rotate(90, expand=True)
    turned.save(path)


BAD: list[tuple[Callable[[Path], object], Harm, str]] = [
    (coloured_tree, red_corner, r"street1\.png has the colour \(255, 0, 0\) at x=3, y=2, which .*class_dict\.csv"),
    (coloured_tree, lambda r: (r / "class_dict.csv").write_text("a,b\n"), "heading name,r,g,b"),
    (
        coloured_tree,
        lambda r: (r / "class_dict.csv").write_text("name,r,g,b\nroad,1,2\n"),
        "no colour of three numbers",
    ),
    (coloured_tree, lambda r: (r / "class_dict.csv").write_text("name,r,g,b\na,1,2,3\nb,1,2,3\n"), "of another class"),
    (coloured_tree, lambda r: changes(r, 'ignore = "sky"'), "ignore must be a list"),
    (coloured_tree, lambda r: changes(r, "ignore = [300]"), "ids from 0 to 255"),
    (coloured_tree, lambda r: changes(r, 'ignore = ["cloud"]'), "speaks of 'cloud', which the files do not have"),
    (coloured_tree, lambda r: changes(r, "[rename]\nsky = 3"), r"\[rename\] must give names for names"),
    (coloured_tree, lambda r: changes(r, "remap = 3"), "unknown key 'remap'"),
    (coloured_tree, lambda r: changes(r, "ignore = ["), "not a readable TOML file"),
    (coloured_tree, lambda r: changes(r, 'ignore = ["sky", "car", "road"]'), "ignores every class"),
    (folder_tree, lambda r: (r / "id2label.json").write_text("{}"), "both name the classes"),
    (coco_tree, lambda r: (r / "annotations/instances_test2017.json").unlink(), "no split 'test'; it has: train, val"),
    (coco_tree, lambda r: (r / "annotations/instances_test2017.json").write_text("{"), "not readable JSON"),
    (coco_tree, annotations(lambda d: d.pop("categories")), "its list 'categories' is missing"),
    (coco_tree, annotations(lambda d: d.update(images=[])), "lists no pictures"),
    (coco_tree, first("segmentation", {"size": [10, 14], "counts": [3]}), "do not add up to the picture's 140 pixels"),
    (coco_tree, first("segmentation", {"size": [10, 14], "counts": "é"}), "do not add up"),
    (
        coco_tree,
        first("segmentation", {"size": [1, 1], "counts": [1]}),
        r"are for \[1, 1\] but the picture is \[10, 14\]",
    ),
    (coco_tree, first("segmentation", [[1, 2]]), "neither a list of polygons nor run lengths"),
    (coco_tree, first("category_id", 99), "the category 99, which it does not list"),
    (coco_tree, lambda r: (r / "test2017").rename(r.parent / "gone"), "lies nowhere in"),
    (coco_tree, lambda r: (r / "test2017/test0.png").write_bytes(b"x"), r"test0\.png cannot be read"),
    (panoptic_tree, lambda r: (r / "annotations/panoptic_test2017/test0.png").unlink(), "lies nowhere in"),
    (panoptic_tree, first("segments_info", []), "holds the segment 5, which .* does not describe"),
    (coco_tree, lambda r: (r / "test2017/test1.png").unlink(), r"test1\.png (is not there|does not exist)"),
    (folder_tree, as_jpeg, r"\.jpg is a JPEG, whose compression changes ids"),
    (folder_tree, deep_picture, r"has more than 8 bits a pixel \(mode I;16\)"),
    (folder_tree, turned_mask, "images are turned as their EXIF orientation asks"),
    (panoptic_tree, annotations(lambda d: d["annotations"].pop()), "has no annotation for test1.png"),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize(("tree", "harm", "says"), BAD, ids=[case[2][:40] for case in BAD])
def test_what_is_wrong_is_one_sentence(tree: Callable[[Path], object], harm: Harm, says: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    tree(root)
    harm(root)
    with pytest.raises(DataError, match=says) as caught:
        list(open_dataset(f"folder:{root}", "test"))
    assert "\n" not in str(caught.value)


def test_a_wrong_guess_can_be_overruled(tmp_path: Path) -> None:
    coco_tree(tmp_path)
    (tmp_path / "annotations/instances_test2017.json").write_text("[]")
    with pytest.raises(DataError, match=r"looks like coco:PATH; write another name in the place of folder:"):
        open_dataset(f"folder:{tmp_path}", "test")
    with pytest.raises(DataError, match="images does not exist"):
        open_dataset(f"masks:{tmp_path}", "test")
