"""LaPa, Helen and CelebAMask-HQ in the layouts they are published in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdata import FACE11, FACE19, DataError, LabelSet, open_dataset, remap_table
from segdata.faces.celebamask_hq import BISENET_NAMES, PAINT_ORDER
from segdata.groups import OVERALL, places_of
from tests.segdata.dataset_trees import (
    celeb_tree,
    helen_tree,
    lapa_tree,
    random_ids,
    simple_celeb_tree,
    write_image,
    write_mask,
)


def test_lapa_ids_are_the_eleven_classes(tmp_path: Path) -> None:
    lapa_tree(tmp_path)
    dataset = open_dataset(f"lapa:{tmp_path}", "val")
    assert dataset.labels == FACE11
    assert [s.id for s in dataset] == ["10_0", "11_0", "12_0"]
    for index, sample in enumerate(dataset):
        np.testing.assert_array_equal(sample.mask, random_ids(index, 14, 11, 11))


def test_another_label_order_is_met_by_name(tmp_path: Path) -> None:
    lapa_tree(tmp_path)
    backwards = LabelSet("backwards", FACE11.names[::-1], FACE11.colours[::-1])
    sample = open_dataset(f"lapa:{tmp_path}", "test", labels=backwards)[1]
    np.testing.assert_array_equal(10 - sample.mask, random_ids(1, 14, 11, 11))
    with pytest.raises(DataError, match="no class 'left_brow'"):
        open_dataset(f"lapa:{tmp_path}", "test", labels=FACE19)


def test_helen_pairs_images_and_labels(tmp_path: Path) -> None:
    helen_tree(tmp_path)
    dataset = open_dataset(f"helen:{tmp_path}", "test")
    assert [s.id for s in dataset] == ["0_1", "1_1", "2_1"]
    np.testing.assert_array_equal(dataset[2].mask, random_ids(2, 10, 13, 11))
    assert set(OVERALL) == set(FACE11.names) - {"background", "skin", "hair"}
    assert places_of(OVERALL, dataset.labels.names) == tuple(range(2, 10))
    assert places_of(OVERALL, FACE19.names) is None


@pytest.mark.parametrize(
    ("spec", "tree", "mask"),
    [("lapa", lapa_tree, "test/labels/20_0.png"), ("helen", helen_tree, "test/0_1_label.png")],
)
def test_bad_label_files_are_named(spec: str, tree: object, mask: str, tmp_path: Path) -> None:
    tree(tmp_path)  # type: ignore[operator]
    dataset, path, name = open_dataset(f"{spec}:{tmp_path}", "test"), tmp_path / mask, Path(mask).name
    shape = dataset[0].mask.shape
    write_mask(path, np.full(shape, 11, dtype=np.uint8), indexed=False)
    with pytest.raises(DataError, match=rf"{name} holds the unknown class id 11"):
        dataset[0]
    write_mask(path, np.zeros((3, 4), dtype=np.uint8), indexed=False)
    with pytest.raises(DataError, match=rf"{name} is 4x3 but image"):
        dataset[0]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=rf"{name} cannot be read"):
        dataset[0]
    path.unlink()
    with pytest.raises(DataError, match=rf"{name} does not exist"):
        dataset[0]
    with pytest.raises(DataError, match="has no partner in"):
        open_dataset(f"{spec}:{tmp_path}", "test")


label_maps = st.builds(
    lambda height, width, seed: np.random.default_rng(seed).choice([*range(11), 255], (height, width)).astype(np.uint8),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 2**32),
)
stems = st.text("abcXYZ019_-", min_size=1, max_size=8)


@given(
    maps=st.dictionaries(stems, label_maps, min_size=1, max_size=5),
    kind=st.sampled_from(["lapa", "helen"]),
    split=st.sampled_from(["train", "test"]),
    indexed=st.booleans(),
)
@settings(max_examples=40)
def test_any_tree_of_label_maps_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory,
    maps: dict[str, NDArray[np.uint8]],
    kind: str,
    split: str,
    indexed: bool,
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for stem, ids in maps.items():
        image = f"images/{stem}.jpg" if kind == "lapa" else f"{stem}_image.jpg"
        label = f"labels/{stem}.png" if kind == "lapa" else f"{stem}_label.png"
        write_image(root / split / image, *ids.shape)
        write_mask(root / split / label, ids, indexed=indexed)
    dataset = open_dataset(f"{kind}:{root}", split)
    assert {sample.id for sample in dataset} == set(maps)
    for sample in dataset:
        np.testing.assert_array_equal(sample.mask, maps[sample.id])
        assert sample.image.shape == (*sample.mask.shape, 3)


def test_half_unpacked_lapa_quotes_the_layout(tmp_path: Path) -> None:
    lapa_tree(tmp_path)
    (tmp_path / "val/labels").rename(tmp_path / "val/label")
    with pytest.raises(DataError, match=r"val/labels does not exist; the expected layout is PATH/\{train,val,test\}"):
        open_dataset(f"lapa:{tmp_path}", "val")


def _rectangle(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    where = np.zeros((16, 16), dtype=np.bool_)
    where[top : top + height, left : left + width] = True
    return where


boxes = st.builds(_rectangle, st.integers(0, 15), st.integers(0, 15), st.integers(0, 16), st.integers(0, 16))
part_sets = st.dictionaries(st.sampled_from(PAINT_ORDER), boxes, min_size=1, max_size=8)


@given(
    pictures=st.dictionaries(
        st.integers(0, 29_999), st.tuples(st.sampled_from("012"), part_sets), min_size=1, max_size=4
    ),
    bisenet=st.booleans(),
)
def test_any_celebamask_tree_is_painted_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    pictures: dict[int, tuple[str, dict[str, NDArray[np.bool_]]]],
    bisenet: bool,
) -> None:
    root = tmp_path_factory.mktemp("celeb") / "data"
    celeb_tree(root, pictures)
    order = BISENET_NAMES[1:] if bisenet else PAINT_ORDER
    for split, code in (("train", "0"), ("val", "1"), ("test", "2")):
        numbers = [number for number, (own, _) in pictures.items() if own == code]
        spec = f"celebamask-hq{'-bisenet' if bisenet else ''}:{root}"
        if not numbers:
            with pytest.raises(DataError, match=f"no picture of split '{split}'"):
                open_dataset(spec, split)
            continue
        dataset = open_dataset(spec, split)
        assert [s.id for s in dataset] == [f"{number:05d}" for number in numbers]
        for number, sample in zip(numbers, dataset, strict=True):
            assert sample.image.shape == (16, 16, 3)
            for (y, x), found in np.ndenumerate(sample.mask):
                over = [name for name in order if name in pictures[number][1] and pictures[number][1][name][y, x]]
                assert FACE19.names[found] == (over[-1] if over else "background")


def test_the_two_paint_orders_differ_where_parts_overlap(tmp_path: Path) -> None:
    everywhere = np.ones((16, 16), dtype=np.bool_)
    parts = {"skin": everywhere, "eye_g": everywhere, "l_brow": everywhere}
    celeb_tree(tmp_path / "data", {0: ("2", parts)})
    names = []
    for kind in ("celebamask-hq", "celebamask-hq-bisenet"):
        mask = open_dataset(f"{kind}:{tmp_path / 'data'}", "test")[0].mask
        names.append(FACE19.names[mask[0, 0]])
    assert names == ["l_brow", "eye_g"]


def test_bisenet_label_maps_remap_by_name() -> None:
    table = remap_table(BISENET_NAMES, FACE19)
    assert sorted(BISENET_NAMES) == sorted(FACE19.names)
    assert [FACE19.names[table[index]] for index in range(19)] == list(BISENET_NAMES)
    assert set(table[19:]) == {255}


def test_the_split_follows_celebas_file_names_not_the_numbers(tmp_path: Path) -> None:
    """Number 0 is CelebA's 000007.jpg in this tree: the partition lists that name."""
    root = tmp_path / "data"
    simple_celeb_tree(root)
    (root / "list_eval_partition.txt").write_text("000007.jpg 2\n000008.jpg 2\n002008.jpg 0\n000001.jpg 1\n")
    assert [s.id for s in open_dataset(f"celebamask-hq:{root}", "test")] == ["00000", "00001"]
    assert [s.id for s in open_dataset(f"celebamask-hq:{root}", "train")] == ["02001"]
    with pytest.raises(DataError, match="lists no picture of split 'val'"):
        open_dataset(f"celebamask-hq:{root}", "val")


def _celeb(root: Path) -> str:
    simple_celeb_tree(root)
    return f"celebamask-hq:{root}"


ANNO = "CelebAMask-HQ-mask-anno"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda r: (r / "CelebA-HQ-img/0.jpg").unlink(), r"not completely unpacked: CelebA-HQ-img/0\.jpg missing"),
        (
            lambda r: [path.unlink() for path in (r / ANNO / "0").glob("00000_*")],
            r"not completely unpacked: .*00000_\*\.png missing",
        ),
        (
            lambda r: (r / ANNO / "0/00000_hair.png").rename(r / ANNO / "0/00000_beak.png"),
            r"00000_beak\.png names the unknown part 'beak'; known are: skin",
        ),
        (lambda r: (r / "list_eval_partition.txt").unlink(), r"list_eval_partition\.txt is missing"),
        (lambda r: (r / "list_eval_partition.txt").write_text("a b c\n"), r"line 1 has 3 columns instead of 2"),
        (lambda r: (r / "list_eval_partition.txt").write_text("1.jpg 0\n"), r"does not list 000007\.jpg"),
        (lambda r: (r / "CelebA-HQ-img").rename(r / "images"), r"CelebA-HQ-img does not exist; the expected layout"),
    ],
)
def test_a_half_unpacked_celebamask_says_what_is_missing(harm: object, message: str, tmp_path: Path) -> None:
    spec = _celeb(tmp_path / "data")
    harm(tmp_path / "data")  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        open_dataset(spec, "train")


def test_bad_celebamask_parts_are_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    dataset = open_dataset(_celeb(root), "train")
    skin = root / ANNO / "0/00000_skin.png"
    Image.new("L", (8, 8), 255).save(skin)
    with pytest.raises(DataError, match=r"00000_hair\.png is 16x16 but .*00000_skin\.png is\s+8x8"):
        dataset[0]
    skin.write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match=r"00000_skin\.png cannot be read"):
        dataset[0]
    Image.new("L", (16, 16), 255).save(skin)
    write_image(root / "CelebA-HQ-img/0.jpg", 32, 24)
    with pytest.raises(DataError, match=r"is 16x16 but image .*0\.jpg is 24x32, which is another shape"):
        dataset[0]
