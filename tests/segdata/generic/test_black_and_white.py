"""Masks of black and white for two classes, in every way that programs store them, and the masks that only look like
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdata import DataError, LabelSet, open_dataset

SIZE = (24, 32)
Ids = NDArray[np.uint8]
Write = Callable[[Ids, Path], None]


def disc(seed: int) -> Ids:
    """0 and 1: a disc somewhere in the picture."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    row, column = np.random.default_rng(seed).integers(8, 16, 2)
    return ((rows - row) ** 2 + (columns - column) ** 2 < 36).astype(np.uint8)


def tree(root: Path, write: Write, classes: str = "background\nthing\n", suffix: str = ".png") -> dict[str, Ids]:
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "classes.txt").write_text(classes)
    wanted = {f"p{number}": disc(number) for number in range(6)}
    for number, (name, ids) in enumerate(wanted.items()):
        pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{name}.jpg")
        write(ids, root / "masks" / f"{name}{suffix}")
    return wanted


def masks_of(root: Path) -> Mapping[str, Ids]:
    return {sample.id: sample.mask for split in ("train", "test") for sample in open_dataset(f"folder:{root}", split)}


def white(ids: Ids) -> Ids:
    return ids * np.uint8(255)


def as_grey(ids: Ids, path: Path) -> None:
    Image.fromarray(white(ids)).save(path)


def as_rgb(ids: Ids, path: Path) -> None:
    Image.fromarray(np.repeat(white(ids)[..., None], 3, axis=2)).save(path)


def as_rgba(ids: Ids, path: Path) -> None:
    Image.fromarray(np.dstack([white(ids)] * 3 + [np.full(SIZE, 255, np.uint8)])).save(path)


def as_cut_out(ids: Ids, path: Path) -> None:
    """White everywhere, seen only where the thing is."""
    Image.fromarray(np.dstack([np.full((*SIZE, 3), 255, np.uint8), white(ids)])).save(path)


def as_grey_with_alpha(ids: Ids, path: Path) -> None:
    Image.fromarray(np.dstack([white(ids), np.full(SIZE, 255, np.uint8)]), "LA").save(path)


def as_bits(ids: Ids, path: Path) -> None:
    Image.fromarray(ids.astype(np.bool_)).save(path)


def as_deep(ids: Ids, path: Path) -> None:
    Image.fromarray(ids.astype(np.uint16) * 65535).save(path)


def as_deep_bytes(ids: Ids, path: Path) -> None:
    Image.fromarray(ids.astype(np.uint16) * 255).save(path)


def as_ramp(ids: Ids, path: Path) -> None:
    Image.fromarray(white(ids)).convert("P").save(path)


def as_swapped_palette(ids: Ids, path: Path) -> None:
    """Index 0 is white and 1 is black, as programs order palettes by chance."""
    picture = Image.fromarray(1 - ids)
    indexed = Image.new("P", picture.size)
    indexed.putdata(np.array(picture).ravel().tolist())
    indexed.putpalette([255, 255, 255, 0, 0, 0])
    indexed.save(path)


def as_small_numbers(ids: Ids, path: Path) -> None:
    Image.fromarray(ids).save(path)


PURE: list[tuple[Write, str]] = [
    (as_grey, ".png"),
    (as_grey, ".bmp"),
    (as_grey, ".tif"),
    (as_rgb, ".png"),
    (as_rgba, ".png"),
    (as_cut_out, ".png"),
    (as_grey_with_alpha, ".png"),
    (as_deep, ".png"),
    (as_deep_bytes, ".png"),
    (as_deep, ".tiff"),
    (as_ramp, ".png"),
    (as_grey, ".gif"),
    (as_swapped_palette, ".gif"),
    (as_swapped_palette, ".png"),
]


@pytest.mark.parametrize(("write", "suffix"), PURE, ids=[f"{write.__name__}{suffix}" for write, suffix in PURE])
def test_white_is_the_second_of_two_classes(write: Write, suffix: str, tmp_path: Path) -> None:
    wanted = tree(tmp_path, write, suffix=suffix)
    found = masks_of(tmp_path)
    for name, ids in wanted.items():
        np.testing.assert_array_equal(found[name], ids)
    layout = open_dataset(f"folder:{tmp_path}", "test").layout
    assert "black-and-white masks, black (0) as 'background', white (255) as 'thing', none ignored" in layout


@pytest.mark.parametrize("write", [as_bits, as_small_numbers])
def test_zero_and_one_are_ids(write: Write, tmp_path: Path) -> None:
    wanted = tree(tmp_path, write)
    assert all((masks_of(tmp_path)[name] == ids).all() for name, ids in wanted.items())
    assert open_dataset(f"folder:{tmp_path}", "test").layout == "pictures with masks of class ids"


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("colours", [False, True])
def test_shades_after_jpeg_go_to_the_nearer(suffix: str, colours: bool, tmp_path: Path) -> None:
    def write(ids: Ids, path: Path) -> None:
        picture = Image.fromarray(white(ids))
        compressed = path.with_suffix(".jpeg")
        (picture.convert("RGB") if colours else picture).save(compressed, quality=85)
        with Image.open(compressed) as stored:
            if suffix == ".png":
                stored.convert("L").save(path)
            else:
                compressed.replace(path)
                return
        compressed.unlink()

    wanted = tree(tmp_path, write, suffix=suffix)
    for name, ids in wanted.items():
        np.testing.assert_array_equal(masks_of(tmp_path)[name], ids)
    assert open_dataset(f"folder:{tmp_path}", "test").layout.endswith("none ignored, shades as the nearer")


def test_white_among_ids_is_ignored(tmp_path: Path) -> None:
    def write(ids: Ids, path: Path) -> None:
        ids = ids.copy()
        ids[:3] = 255
        Image.fromarray(ids).save(path)

    tree(tmp_path, write)
    for mask in masks_of(tmp_path).values():
        assert (mask[:3] == 255).all()
        assert set(np.unique(mask)) == {0, 1, 255}


def test_white_of_three_classes_is_ignored(tmp_path: Path) -> None:
    tree(tmp_path, as_grey, "background\nthing\nother\n")
    assert set(np.unique(masks_of(tmp_path)["p1"])) == {0, 255}


def test_labels_toml_can_ignore_white(tmp_path: Path) -> None:
    tree(tmp_path, as_grey)
    (tmp_path / "labels.toml").write_text("ignore = [255]\n")
    assert set(np.unique(masks_of(tmp_path)["p1"])) == {0, 255}


def test_black_masks_alone_decide_nothing(tmp_path: Path) -> None:
    """The only mask with the thing lies among many without it."""
    wanted = tree(tmp_path, as_grey)
    for number in range(100):
        name = f"q{number:03d}"
        Image.new("RGB", SIZE[::-1]).save(tmp_path / f"images/{name}.jpg")
        Image.new("L", SIZE[::-1]).save(tmp_path / f"masks/{name}.png")
    for name in ("p0", "p2", "p3", "p4", "p5"):
        Image.new("L", SIZE[::-1]).save(tmp_path / f"masks/{name}.png")
    np.testing.assert_array_equal(masks_of(tmp_path)["p1"], wanted["p1"])


def test_a_later_mask_with_ids_is_named(tmp_path: Path) -> None:
    tree(tmp_path, as_grey)
    for number in range(60):
        name = f"q{number:03d}"
        Image.new("RGB", SIZE[::-1]).save(tmp_path / f"images/{name}.jpg")
        as_grey(disc(number), tmp_path / f"masks/{name}.png")
    as_small_numbers(disc(2), tmp_path / "masks/p2.png")  # the second of the split, of which every second is looked at
    with pytest.raises(DataError, match=r"p2\.png holds the value 1, while others hold only 0 and 255"):
        masks_of(tmp_path)


def test_colours_of_the_class_file_say_which_is_white(tmp_path: Path) -> None:
    wanted = tree(tmp_path, as_grey)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\npaper,255,255,255\nink,0,0,0\n")
    np.testing.assert_array_equal(masks_of(tmp_path)["p1"], 1 - wanted["p1"])


def test_the_model_may_name_the_two_classes(tmp_path: Path) -> None:
    wanted = tree(tmp_path, as_grey)
    (tmp_path / "classes.txt").unlink()
    labels = LabelSet("two", ("no", "yes"), ((0, 0, 0), (9, 9, 9)))
    sample = open_dataset(f"folder:{tmp_path}", "test", labels)[0]
    np.testing.assert_array_equal(sample.mask, wanted[sample.id])
