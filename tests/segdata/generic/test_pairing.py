"""Which folders hold pictures and masks, which mask belongs to which picture, and text files of other systems."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdata import DataError, open_dataset
from tests.segdata.dataset_trees import random_ids, write_image

CLASSES = "background\nthing1\nthing2\n"


def put(path: Path, seed: int) -> None:
    """A mask of class ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random_ids(seed, 9, 12, 3)).save(path)


def check(root: Path, split: str, seeds: list[int]) -> None:
    """The masks of a split are those that `put` wrote for these seeds, in this order."""
    found = list(open_dataset(f"folder:{root}", split))
    assert len(found) == len(seeds)
    for sample, seed in zip(found, seeds, strict=True):
        np.testing.assert_array_equal(sample.mask, random_ids(seed, 9, 12, 3))


NAMES = [
    ("{}.jpg", "{}_mask.png"),
    ("{}.jpg", "{}-mask.png"),
    ("{}.jpg", "{}.mask.png"),
    ("{}.jpg", "{}_label.png"),
    ("{}.png", "{}_L.png"),
    ("{}.JPG", "{}.PNG"),
    ("{}.jpg", "{}_gt.tif"),
    ("{}.tif", "{}.png"),
    ("{}.TIFF", "{}.gif"),
    ("image_{}.jpg", "mask_{}.png"),
    ("{}_leftImg8bit.png", "{}_gtFine_labelIds.png"),
    ("{}_sat.jpg", "{}_mask.png"),
    ("{}.jpg", "{}.jpg.png"),
    ("{}.jpg", "{}_lesion.bmp"),
    ("{}.jpg", "seg_{}.png"),
    ("img{}.png", "label{}.png"),
    ("IMG_{}.jpg", "img_{}.png"),
    ("{}.webp", "{} mask.png"),
]


@pytest.mark.parametrize(("image", "mask"), NAMES, ids=[" ".join(pair) for pair in NAMES])
def test_names_that_differ_by_a_word(image: str, mask: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(CLASSES)
    for number in range(12):
        write_image(tmp_path / "test/images" / image.format(f"p{number}"), 9, 12, number)
        put(tmp_path / "test/masks" / mask.format(f"p{number}"), number)
    order = sorted(range(12), key=lambda number: image.format(f"p{number}"))
    check(tmp_path, "test", order)
    said = open_dataset(f"folder:{tmp_path}", "test").layout
    plain = Path(image).stem.casefold() == Path(mask).stem.casefold()
    assert plain or f"{mask.format('p0')} for {image.format('p0')}" in said


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_both_spellings_are_one_name(forms: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(CLASSES)
    for number, name in enumerate(("café", "señor")):
        write_image(tmp_path / f"test/images/{unicodedata.normalize(forms[0], name)}.jpg", 9, 12, number)
        put(tmp_path / f"test/masks/{unicodedata.normalize(forms[1], name)}.png", number)
    check(tmp_path, "test", [0, 1])


PLACES = [
    ("images/{}", "masks/{}"),
    ("{}/images", "{}/masks"),
    ("JPEGImages/{}", "SegmentationClass/{}"),
    ("{}/img", "{}/ann/masks"),
    ("{}/Images", "{}/Labels"),
    ("{}/image", "{}/label"),
    ("{}", "{}_masks"),
    ("{}", "{}annot"),
    ("images/{}", "annotations/{}"),
    ("{}/imgs", "{}/annotations"),
    ("{}", "{}"),
]


@pytest.mark.parametrize(
    "words", [("train", "val"), ("training", "validation"), ("Train", "Valid"), ("train2017", "dev")]
)
@pytest.mark.parametrize(("images", "masks"), [place for place in PLACES if "ann/masks" not in place[1]])
def test_folders_of_splits(images: str, masks: str, words: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(CLASSES)
    for place, word in enumerate(words):
        for number in range(3):
            seed = 10 * place + number
            write_image(tmp_path / images.format(word) / f"p{number}.jpg", 9, 12, seed)
            put(tmp_path / masks.format(word) / f"p{number}_mask.png", seed)
    check(tmp_path, "train", [0, 1, 2])
    check(tmp_path, "val", [10, 11, 12])
    with pytest.raises(DataError, match=r"no split 'test'; it has: train, val \(ask for it with --split val\)"):
        open_dataset(f"folder:{tmp_path}", "test")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "labels"),
        ("image", "annotations"),
        ("JPEGImages", "SegmentationClass"),
        ("img", "gt"),
        ("Imgs", "MASKS"),
    ],
)
def test_folders_without_splits(images: str, masks: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(CLASSES)
    for number in range(6):
        write_image(tmp_path / images / f"p{number}.jpg", 9, 12, number)
        put(tmp_path / masks / f"p{number}.png", number)
    check(tmp_path, "train", [0, 5])
    check(tmp_path, "test", [1, 2, 3, 4])


def test_lists_of_names_choose_the_split(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\nthing1:128,0,0::\nthing2:0,128,0::\n")
    for number in range(6):  # the last two have no mask, as most pictures of Pascal VOC
        write_image(tmp_path / f"JPEGImages/p{number}.jpg", 9, 12, number)
        if number < 4:
            put(tmp_path / f"SegmentationClass/p{number}.png", number)
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("p0\np2\n")
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("p1\n\np3\n")
    check(tmp_path, "train", [0, 2])
    check(tmp_path, "val", [1, 3])
    with pytest.raises(DataError, match="no split 'test'; it has: train, val"):
        open_dataset(f"folder:{tmp_path}", "test")


def test_pixel_values_of_a_class_table(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for number in range(2):
            write_image(tmp_path / split / f"p{number}.jpg", 9, 12, number)
            put(tmp_path / split / f"p{number}_mask.png", number)
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, thing1\n2, thing2\n")
    check(tmp_path, "val", [0, 1])
    assert open_dataset(f"folder:{tmp_path}", "val").labels.names == ("background", "thing1", "thing2")


def test_a_partner_of_a_type_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(CLASSES)
    for number in range(3):
        write_image(tmp_path / f"test/images/p{number}.jpg", 9, 12, number)
        put(tmp_path / f"test/masks/p{number}.png", number)
    (tmp_path / "test/masks/p1.png").rename(tmp_path / "test/masks/p1.heic")
    with pytest.raises(DataError, match=r"p1\.jpg has no partner in .* \(p1\.heic there is of a type that is not read"):
        open_dataset(f"folder:{tmp_path}", "test")


def test_two_folders_of_one_split_are_named(tmp_path: Path) -> None:
    for word in ("val", "valid"):
        write_image(tmp_path / word / "images/a.jpg", 9, 12)
        put(tmp_path / word / "masks/a.png", 1)
    with pytest.raises(DataError, match="both are split 'val'; keep one of them"):
        open_dataset(f"folder:{tmp_path}", "val")


@pytest.mark.parametrize("encode", [lambda t: codecs.BOM_UTF8 + t.encode(), lambda t: t.encode("utf-16")])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "background\r\nthing1\r\nthing2\r\n"),
        ("classes.json", '["background", "thing1", "thing2"]'),
        ("id2label.json", '{"0": "background", "1": "thing1", "2": "thing2"}'),
        ("class_dict.csv", "name,r,g,b\r\nbackground,0,0,0\r\nthing1,1,0,0\r\nthing2,2,0,0\r\n"),
        ("class_dict.csv", "name;r;g;b\r\nbackground;0;0;0\r\nthing1;1;0;0\r\nthing2;2;0;0\r\n"),
        ("labelmap.txt", "background:0,0,0::\r\nthing1:1,0,0::\r\nthing2:2,0,0::\r\n"),
    ],
)
def test_byte_order_marks_are_no_part_of_a_name(name: str, content: str, encode: object, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(encode(content))  # type: ignore[operator]
    (tmp_path / "labels.toml").write_bytes(encode('[rename]\nthing2 = "other"\n'))  # type: ignore[operator]
    for number in range(2):
        write_image(tmp_path / f"test/images/p{number}.png", 9, 12, number)
        put(tmp_path / f"test/masks/p{number}.png", number)
    assert open_dataset(f"folder:{tmp_path}", "test").labels.names == ("background", "thing1", "other")
    check(tmp_path, "test", [0, 1])
