"""Palettes, modes and orientations of masks: what a pixel stands for where its number alone would mislead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdata import DataError, open_dataset
from tests.segdata.dataset_trees import STREET, STREET_COLOURS, coloured_tree, random_ids, write_image

Ids = NDArray[np.uint8]
Colour = tuple[int, int, int]


def indexed(ids: Ids, order: Sequence[int], colours: Sequence[Colour] = STREET_COLOURS) -> Image.Image:
    """A picture that shows the colours of `ids`; class c has index `order.index(c)`."""
    table = np.zeros(256, dtype=np.uint8)
    table[list(order)] = np.arange(len(order), dtype=np.uint8)
    picture = Image.fromarray(table[ids]).convert("P")
    picture.putdata(table[ids].ravel().tolist())
    picture.putpalette([part for number in order for part in colours[number]])
    return picture


def masks_of(root: Path) -> Mapping[str, Ids]:
    return {sample.id: sample.mask for split in ("train", "test") for sample in open_dataset(f"folder:{root}", split)}


@pytest.mark.parametrize("orders", [[(2, 0, 1)], [(0, 1, 2)], [(1, 0, 2), (2, 1, 0), (0, 1, 2)]])
@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_palette_of_class_colours_is_read_by_colour(
    orders: list[tuple[int, ...]], suffix: str, tmp_path: Path
) -> None:
    wanted = coloured_tree(tmp_path)
    for number, (name, ids) in enumerate(wanted.items()):
        (tmp_path / f"masks/{name}.png").unlink()
        indexed(ids, orders[number % len(orders)]).save(tmp_path / f"masks/{name}{suffix}")
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])


def test_quantized_colours_are_read_by_colour(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path, size=(30, 40))
    for name in wanted:
        path = tmp_path / f"masks/{name}.png"
        with Image.open(path) as stored:
            picture = stored.convert("RGB").quantize(8)
        picture.save(path)
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])


def test_a_palette_of_other_colours_leaves_indices_ids(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    for name, ids in wanted.items():
        ramp = [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
        indexed(ids, (0, 1, 2), ramp).save(tmp_path / f"masks/{name}.png")
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])
    assert open_dataset(f"folder:{tmp_path}", "test").layout == "pictures with masks of class ids"


def test_ignored_pixels_of_a_palette_stay_ignored(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    for name, ids in wanted.items():
        picture = indexed(ids, (2, 0, 1))
        picture.putpixel((0, 0), 255)
        palette = picture.getpalette() or []
        picture.putpalette(palette + [224, 224, 192] * (256 - len(palette) // 3))
        picture.save(tmp_path / f"masks/{name}.png")
        ids[0, 0] = 255
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])


def test_a_palette_that_agrees_only_partly_is_named(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    colours = [STREET_COLOURS[1], STREET_COLOURS[0], (9, 9, 9)]
    for name, ids in wanted.items():
        indexed(ids, (0, 1, 2), colours).save(tmp_path / f"masks/{name}.png")
    says = (
        r"palette of mask .*\.png gives index 0 the colour of class 'car' and index 2 the colour \(9, 9, 9\), which"
        r" .*class_dict"
    )
    with pytest.raises(DataError, match=says):
        masks_of(tmp_path)


def test_palettes_that_differ_without_class_colours_are_named(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    (tmp_path / "class_dict.csv").unlink()
    (tmp_path / "classes.txt").write_text("\n".join(STREET))
    for number, (name, ids) in enumerate(wanted.items()):
        indexed(ids, ((0, 1, 2), (1, 0, 2))[number % 2]).save(tmp_path / f"masks/{name}.png")
    with pytest.raises(DataError, match=r"index 0 is the colour .* so indices are no class ids; list the colour"):
        list(open_dataset(f"folder:{tmp_path}", "test"))


def test_each_mask_is_read_by_its_own_mode(tmp_path: Path) -> None:
    wanted = coloured_tree(tmp_path)
    writers: list[Callable[[Ids], Image.Image]] = [
        lambda ids: Image.fromarray(np.array(STREET_COLOURS, np.uint8)[ids]),
        lambda ids: indexed(ids, (1, 2, 0)),
        Image.fromarray,
        lambda ids: Image.fromarray(np.repeat(ids[..., None], 3, axis=2)),
        lambda ids: Image.fromarray(ids.astype(np.uint16)),
        lambda ids: Image.fromarray(np.dstack([np.array(STREET_COLOURS, np.uint8)[ids], np.full_like(ids, 255)])),
    ]
    for number, (name, ids) in enumerate(wanted.items()):
        writers[number](ids).save(tmp_path / f"masks/{name}.png")
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])
    assert open_dataset(f"folder:{tmp_path}", "test").layout.endswith("class_dict.csv, others with class ids")


def test_grey_colours_of_classes_are_read_by_colour(tmp_path: Path) -> None:
    levels = np.array([0, 128, 255], dtype=np.uint8)
    wanted = coloured_tree(tmp_path)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\na,0,0,0\nb,128,128,128\nc,255,255,255\n")
    for name, ids in wanted.items():
        Image.fromarray(levels[ids]).save(tmp_path / f"masks/{name}.png")
    for name, mask in masks_of(tmp_path).items():
        np.testing.assert_array_equal(mask, wanted[name])


@pytest.mark.parametrize("bits", [2, 4])
def test_ids_in_few_bits_are_not_spread(bits: int, tmp_path: Path) -> None:
    """Pillow reads a grey PNG of four bits with values times seventeen."""
    import struct
    import zlib

    ids = random_ids(1, 8, 16, 4)
    for name in ("a", "b"):
        write_image(tmp_path / f"test/images/{name}.png", 8, 16)
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "test/masks").mkdir()
    shifts = np.arange(8 - bits, -1, -bits)
    packed = (ids.reshape(8, -1, len(shifts)) << shifts).sum(axis=2).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 16, 8, bits, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    for name in ("a", "b"):
        (tmp_path / f"test/masks/{name}.png").write_bytes(content)
    np.testing.assert_array_equal(open_dataset(f"folder:{tmp_path}", "test")[0].mask, ids)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_mask_is_turned_as_its_own_orientation_asks(orientation: int, tmp_path: Path) -> None:
    ids = random_ids(5, 9, 12, 3)
    turn = {3: 2, 6: 1, 8: 3}[orientation]
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(ids, turn)))
    exif = Image.Exif()
    exif[274] = orientation
    write_image(tmp_path / "test/images/a.png", 9, 12)
    (tmp_path / "test/masks").mkdir()
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    stored.save(tmp_path / "test/masks/a.png", exif=exif)
    np.testing.assert_array_equal(open_dataset(f"folder:{tmp_path}", "test")[0].mask, ids)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([[0, 24001]], np.uint16), r"holds 24001, which is no class id"),
        (np.array([[0.0, 0.5]], np.float32), "holds fractions; store one whole number"),
        (np.array([[0, 700]], np.int32), r"holds 700, which is no class id"),
    ],
)
def test_values_that_are_no_ids_are_named(values: NDArray[np.generic], says: str, tmp_path: Path) -> None:
    write_image(tmp_path / "test/images/a.png", 1, 2)
    (tmp_path / "test/masks").mkdir()
    (tmp_path / "classes.txt").write_text("a\nb\n")
    Image.fromarray(values).save(tmp_path / "test/masks/a.tif")
    with pytest.raises(DataError, match=says):
        list(open_dataset(f"folder:{tmp_path}", "test"))
