"""Tiny fixture trees in the exact layouts of the readers, written with Pillow alone."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
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


STREET = ("road", "car", "sky")
STREET_COLOURS = ((128, 64, 128), (0, 0, 142), (70, 130, 180))


def coloured_tree(root: Path, count: int = 6, size: tuple[int, int] = (9, 12)) -> dict[str, NDArray[np.uint8]]:
    """images/ + masks/ in colours + class_dict.csv; returns the masks as ids by name."""
    masks = {f"street{index}": random_ids(index, *size, len(STREET)) for index in range(count)}
    for seed, (name, ids) in enumerate(masks.items()):
        write_image(root / "images" / f"{name}.png", *ids.shape, seed)
        (root / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.array(STREET_COLOURS, dtype=np.uint8)[ids]).save(root / "masks" / f"{name}.png")
    lines = [f"{name},{r},{g},{b}" for name, (r, g, b) in zip(STREET, STREET_COLOURS, strict=True)]
    (root / "class_dict.csv").write_text("\n".join(["name,r,g,b", *lines]) + "\n")
    return masks


def runs_of(where: NDArray[np.bool_]) -> list[int]:
    """COCO's run lengths down the columns, zeros first."""
    flat = where.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    runs = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def compressed(runs: Sequence[int]) -> str:
    """COCO's text for run lengths, as cocoapi's rleToString makes it."""
    text = ""
    for index, run in enumerate(runs):
        number, more = run - (runs[index - 2] if index > 2 else 0), True
        while more:
            bits = number & 0x1F
            number >>= 5
            more = number != -1 if bits & 0x10 else number != 0
            text += chr((bits | 0x20 if more else bits) + 48)
    return text


CATEGORIES = [{"id": 7, "name": "car"}, {"id": 3, "name": "person"}]
"""Not in the order of their ids, and with gaps, as COCO's are."""


def coco_document(split: str, count: int, height: int, width: int) -> dict[str, object]:
    images = [{"id": 10 + i, "file_name": f"{split}{i}.png", "height": height, "width": width} for i in range(count)]
    return {"images": images, "categories": CATEGORIES, "annotations": []}


def coco_tree(root: Path, count: int = 3, size: tuple[int, int] = (10, 14)) -> dict[str, NDArray[np.uint8]]:
    """Polygons and both kinds of run lengths; returns masks by file name: 0 background, 1 person, 2 car."""
    height, width = size
    masks = {}
    (root / "annotations").mkdir(parents=True)
    for split in SPLITS:
        document = coco_document(split, count, height, width)
        annotations = []
        for i in range(count):
            name, ids = f"{split}{i}.png", np.zeros(size, dtype=np.uint8)
            write_image(root / f"{split}2017" / name, height, width, seed=hash_of(name))
            box, blob = np.zeros(size, dtype=np.bool_), random_ids(i, height, width, 4) == 0
            box[1:6, 2:9] = True
            ids[box], ids[blob & ~box] = 1, 2
            runs = runs_of(blob & ~box)
            encoded = {"size": [height, width], "counts": compressed(runs) if i % 2 else runs}
            polygon = [[2, 1, 9, 1, 9, 6, 2, 6]]
            annotations += [
                {"id": 2 * i, "image_id": 10 + i, "category_id": 3, "segmentation": polygon, "iscrowd": 0},
                {"id": 2 * i + 1, "image_id": 10 + i, "category_id": 7, "segmentation": encoded, "iscrowd": 1},
            ]
            masks[name] = ids
        (root / "annotations" / f"instances_{split}2017.json").write_text(
            json.dumps({**document, "annotations": annotations})
        )
    return masks


def panoptic_tree(root: Path, count: int = 2, size: tuple[int, int] = (10, 14)) -> dict[str, NDArray[np.uint8]]:
    """Segments in PNG files; returns masks by file name: 0 person, 1 car, 255 where no segment lies."""
    height, width = size
    masks = {}
    for split in SPLITS:
        document = coco_document(split, count, height, width)
        annotations = []
        for i in range(count):
            name, areas = f"{split}{i}.png", random_ids(hash_of(f"{split}{i}.png"), height, width, 4)
            write_image(root / split / name, height, width, seed=hash_of(name))
            numbers = np.array([0, 5, 70_000, 300])[areas]
            colours = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1).astype(np.uint8)
            folder = root / "annotations" / f"panoptic_{split}2017"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(colours).save(folder / name)
            parts = [{"id": 5, "category_id": 3}, {"id": 70_000, "category_id": 7}, {"id": 300, "category_id": 7}]
            annotations.append({"image_id": 10 + i, "file_name": name, "segments_info": parts})
            masks[name] = np.array([255, 0, 1, 1], dtype=np.uint8)[areas]
        (root / "annotations" / f"panoptic_{split}2017.json").write_text(
            json.dumps({**document, "annotations": annotations})
        )
    return masks


def hash_of(name: str) -> int:
    """A seed that is the same in every process."""
    return sum(name.encode())


def encoded_png(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def huggingface_tree(root: Path, count: int = 3, size: tuple[int, int] = (8, 11)) -> dict[str, NDArray[np.uint8]]:
    """What DatasetDict.save_to_disk writes, by pyarrow alone; returns the masks by split and row."""
    import pyarrow

    masks = {}
    root.mkdir(parents=True)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation", "test"]}))
    (root / "id2label.json").write_text(json.dumps({"0": "background", "1": "leaf", "2": "stem"}))
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "Image"},
        "scene": {"dtype": "string", "_type": "Value"},
    }
    for number, split in enumerate(("train", "validation", "test")):
        pictures, labels = [], []
        for row in range(count):
            ids = random_ids(10 * number + row, *size, 3)
            masks[f"{split}{row}"] = ids
            picture = np.random.default_rng(10 * number + row).integers(0, 256, (*size, 3), dtype=np.uint8)
            pictures.append({"bytes": encoded_png(picture), "path": None})
            labels.append({"bytes": encoded_png(ids), "path": None})
        (root / split).mkdir()
        table = pyarrow.table({"image": pictures, "label": labels, "scene": ["field"] * count})
        name = "data-00000-of-00001.arrow"
        with (
            pyarrow.OSFile(str(root / split / name), "wb") as sink,
            pyarrow.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table, max_chunksize=2)
        (root / split / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}], "_split": split}))
        (root / split / "dataset_info.json").write_text(json.dumps({"features": features}))
    return masks
