"""Tiny fixture trees in the exact layouts of the readers, written with Pillow alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SPLITS = ("train", "val", "test")


def write_image(path: Path, height: int, width: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_mask(path: Path, ids: NDArray[np.uint8], indexed: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(ids)
    if indexed:
        mask = mask.convert("P")
        mask.putdata(ids.ravel().tolist())
        mask.putpalette([value for index in range(256) for value in (index, 255 - index, index // 2)])
    mask.save(path)


def random_ids(seed: int, height: int, width: int, classes: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, classes, (height, width), dtype=np.uint8)


def folder_tree(root: Path, count: int = 6, classes: int = 3, split: str = "") -> dict[str, NDArray[np.uint8]]:
    """images/ + masks/ + classes.txt; returns the masks by name."""
    masks = {f"picture{index:02d}": random_ids(index, 9 + index, 12, classes) for index in range(count)}
    for seed, (name, ids) in enumerate(masks.items()):
        write_image(root / split / "images" / f"{name}.jpg", *ids.shape, seed)
        write_mask(root / split / "masks" / f"{name}.png", ids)
    (root / "classes.txt").write_text("background\n" + "\n".join(f"thing{i}" for i in range(1, classes)))
    return masks


def lapa_tree(root: Path, count: int = 3) -> None:
    for number, split in enumerate(SPLITS):
        for index in range(count):
            name = f"{number}{index}_0"
            write_image(root / split / "images" / f"{name}.jpg", 14, 11, index)
            write_mask(root / split / "labels" / f"{name}.png", random_ids(index, 14, 11, 11), indexed=False)
            (root / split / "landmarks").mkdir(exist_ok=True)
            (root / split / "landmarks" / f"{name}.txt").write_text("106\n" + "0 0\n" * 106)


def helen_tree(root: Path, count: int = 3) -> None:
    for split in ("train", "test"):
        for index in range(count):
            write_image(root / split / f"{index}_1_image.jpg", 10, 13, index)
            write_mask(root / split / f"{index}_1_label.png", random_ids(index, 10, 13, 11), indexed=False)


Parts = Mapping[str, NDArray[np.bool_]]


def celeb_tree(root: Path, pictures: Mapping[int, tuple[str, Parts]], image_size: int = 32) -> None:
    """`pictures`: number -> (split code "0", "1" or "2", part name -> where it is)."""
    (root / "CelebA-HQ-img").mkdir(parents=True)
    mapping, partition = ["idx orig_idx orig_file"], []
    for number, (code, parts) in pictures.items():
        write_image(root / "CelebA-HQ-img" / f"{number}.jpg", image_size, image_size, number)
        file = f"{number + 7:06d}.jpg"
        mapping.append(f"{number:<8}{number + 6:<12}{file}")
        partition.append(f"{file} {code}")
        for part, where in parts.items():
            path = root / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{part}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            painted = np.repeat((where.astype(np.uint8) * 255)[..., None], 3, axis=2)
            Image.fromarray(painted).save(path)
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(mapping) + "\n")
    (root / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")


def simple_celeb_tree(root: Path) -> None:
    """One picture a split, skin everywhere and some hair over it."""
    hair = np.zeros((16, 16), dtype=np.bool_)
    hair[:5] = True
    parts = {"skin": np.ones((16, 16), dtype=np.bool_), "hair": hair}
    celeb_tree(root, {0: ("0", parts), 1: ("1", parts), 2001: ("2", parts)})
