"""What every registered dataset promises, checked on whatever is registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segdata import DataError, dataset_kinds, open_dataset
from tests.segdata.dataset_trees import (
    coco_tree,
    coloured_tree,
    folder_tree,
    helen_tree,
    huggingface_tree,
    lapa_tree,
    panoptic_tree,
    simple_celeb_tree,
)

TREES: dict[str, Callable[[Path], object]] = {
    "folder": folder_tree,
    "masks": folder_tree,
    "coco": coco_tree,
    "huggingface": huggingface_tree,
    "lapa": lapa_tree,
    "helen": helen_tree,
    "celebamask-hq": simple_celeb_tree,
    "celebamask-hq-bisenet": simple_celeb_tree,
}
GUESSED: dict[str, Callable[[Path], object]] = {
    "folder, coloured": coloured_tree,
    "folder, panoptic": panoptic_tree,
    "folder, polygons": coco_tree,
    "folder, huggingface": huggingface_tree,
}
"""Further things that `folder:PATH` opens, held to the same contract."""
KINDS = dataset_kinds()
NAMES = [*KINDS, *GUESSED]
CASES = [(name, split) for name in NAMES for split in KINDS[name.split(",")[0]].splits]
NEEDS_PYARROW = {"huggingface", "folder, huggingface"}


def _spec(name: str, folder: Path) -> str:
    kind = name.split(",", maxsplit=1)[0]
    if KINDS[kind].argument != "PATH":
        return name
    if name in NEEDS_PYARROW:
        pytest.importorskip("pyarrow", reason="Hugging Face datasets are read by pyarrow, which is optional")
    (GUESSED | TREES)[name](folder / "data")
    return f"{kind}:{folder / 'data'}"


def test_a_tree_exists_for_every_dataset_read_from_a_path() -> None:
    assert {name for name, kind in KINDS.items() if kind.argument == "PATH"} == set(TREES)


@pytest.mark.parametrize(("name", "split"), CASES)
def test_samples_keep_the_contract(name: str, split: str, tmp_path: Path) -> None:
    dataset = open_dataset(_spec(name, tmp_path), split, size=48, limit=4)
    assert 1 <= len(dataset) <= 4
    assert dataset.split == split
    assert dataset.name.startswith(name.split(",", maxsplit=1)[0])
    ids = [dataset.sample_id(index) for index in range(len(dataset))]
    assert len(set(ids)) == len(ids)
    for index, sample in enumerate(dataset):
        assert sample.id == ids[index]
        assert sample.image.dtype == np.uint8
        assert sample.mask.dtype == np.uint8
        assert sample.image.shape == (*sample.mask.shape, 3)
        assert set(np.unique(sample.mask)) <= {*range(len(dataset.labels)), 255}


@pytest.mark.parametrize(("name", "split"), CASES)
def test_reading_twice_gives_equal_bytes_and_digests(name: str, split: str, tmp_path: Path) -> None:
    spec = _spec(name, tmp_path)
    first, again = (open_dataset(spec, split, size=32, limit=2) for _ in range(2))
    assert first.digest() == again.digest()
    for one, other in zip(first, again, strict=True):
        assert one.image.tobytes() == other.image.tobytes()
        assert one.mask.tobytes() == other.mask.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_training_samples_never_judge(name: str, tmp_path: Path) -> None:
    spec = _spec(name, tmp_path)
    drawn = KINDS[name.split(",", maxsplit=1)[0]].argument != "PATH"
    train, test = (open_dataset(spec, split, size=16, limit=30 if drawn else None) for split in ("train", "test"))
    seen = {sample.image.tobytes() for sample in train} if drawn else {s.id for s in train if name != "helen"}
    assert not seen & ({sample.image.tobytes() for sample in test} if drawn else {s.id for s in test})
    assert train.digest() != test.digest()


@pytest.mark.parametrize("name", NAMES)
def test_out_of_range_is_an_index_error(name: str, tmp_path: Path) -> None:
    dataset = open_dataset(_spec(name, tmp_path), "train", size=16, limit=1)
    for index in (len(dataset), -1):
        with pytest.raises(IndexError):
            dataset[index]


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_split_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no split 'holdout'.*train"):
        open_dataset(_spec(name, tmp_path), "holdout")


@pytest.mark.parametrize("name", sorted(TREES))
def test_a_missing_path_names_it_and_the_layout(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; the expected layout is .*PATH"):
        open_dataset(f"{name}:{tmp_path / 'nowhere'}", "train")


@pytest.mark.parametrize("name", sorted(TREES | GUESSED))
def test_a_touched_file_changes_the_fingerprint(name: str, tmp_path: Path) -> None:
    spec = _spec(name, tmp_path)
    before = open_dataset(spec, "train").fingerprint()
    for path in [*(tmp_path / "data").rglob("*.png"), *(tmp_path / "data").rglob("*.arrow")]:
        path.write_bytes(path.read_bytes() + b"\0")
    assert open_dataset(spec, "train").fingerprint() != before
