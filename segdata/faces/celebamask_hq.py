"""CelebAMask-HQ as published: one picture, one black-and-white file for each part of it.

Lee et al., "MaskGAN: Towards Diverse and Interactive Facial Image Manipulation", CVPR 2020. Layout::

    PATH/CelebA-HQ-img/{i}.jpg                                          1024 x 1024
    PATH/CelebAMask-HQ-mask-anno/{i // 2000}/{i:05d}_{part}.png         512 x 512, a part that is not seen has no file
    PATH/CelebA-HQ-to-CelebA-mapping.txt                                "idx orig_idx orig_file"
    PATH/list_eval_partition.txt                                        CelebA's "file split": 0 train, 1 val, 2 test

Parts overlap, so the order in which they are painted is part of the labels; two orders are published. Pictures are
handed out at the size of their masks (bilinear, antialiased), since that is the size the labels were made at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.image_files import read_image, read_part
from segdata.labels import FACE19, LabelSet
from segdata.paired import fingerprint_of, require_folder
from segdata.registry import Request, dataset

PAINT_ORDER = FACE19.names[1:]
"""The authors' order, which is that of the ids: later parts lie over earlier ones."""

BISENET_NAMES = (
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eye_g",
    "l_ear",
    "r_ear",
    "ear_r",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "neck_l",
    "cloth",
    "hair",
    "hat",
)
"""Ids of label maps made by the widely used BiSeNet face parser, which paints the parts in this order too."""

IMAGES, PARTS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
MAPPING, PARTITION = "CelebA-HQ-to-CelebA-mapping.txt", "list_eval_partition.txt"
SPLIT_CODES = {"train": "0", "val": "1", "test": "2"}
FOLDER_HOLDS = 2000
LAYOUT = f"PATH/{IMAGES}/0.jpg, PATH/{PARTS}/0/00000_skin.png, PATH/{MAPPING} and PATH/{PARTITION}"


@dataclass(frozen=True)
class _Entry:
    number: int
    image: Path
    parts: tuple[tuple[str, Path], ...]


class CelebAMaskHQ(Dataset):
    """One split of CelebAMask-HQ.

    Args:
        name: what the user typed.
        root: PATH above.
        split: ``"train"``, ``"val"`` or ``"test"`` (2,824 pictures), after CelebA's own partition.
        labels: a label set that has all 19 class names.
        paint_order: part names, first painted first: `PAINT_ORDER` or ``BISENET_NAMES[1:]``.

    Raises:
        DataError: naming the files, for a missing or half-unpacked dataset or an unknown part.
    """

    def __init__(
        self, name: str, root: Path, split: str, labels: LabelSet = FACE19, paint_order: Sequence[str] = PAINT_ORDER
    ) -> None:
        require_folder(root, LAYOUT)
        for part in (IMAGES, PARTS):
            require_folder(root / part, LAYOUT)
        self.name, self.split, self.labels = name, split, labels
        self._ids = {part: labels.index(part) for part in FACE19.names}
        self._paint_order = tuple(paint_order)
        numbers = _numbers(root, split)
        if not numbers:
            raise DataError(f"{root} lists no picture of split {split!r}; check {MAPPING} and {PARTITION}")
        self._entries = _entries(root, numbers)

    def __len__(self) -> int:
        return len(self._entries)

    def sample_id(self, index: int) -> str:
        return f"{self._entries[index].number:05d}"

    def __getitem__(self, index: int) -> Sample:
        """Paint the parts of one picture; DataError names a damaged part or one of another size."""
        if not 0 <= index < len(self._entries):
            raise IndexError(f"sample {index} of {len(self._entries)}")
        entry = self._entries[index]
        mask = self._paint(entry)
        image = read_image(entry.image)
        if image.shape[:2] != mask.shape:
            _check_shape(image, mask, entry)
            scaled = Image.fromarray(image).resize((mask.shape[1], mask.shape[0]), Image.Resampling.BILINEAR)
            image = np.array(scaled)
        return Sample(self.sample_id(index), image, mask)

    def _paint(self, entry: _Entry) -> NDArray[np.uint8]:
        parts = dict(entry.parts)
        mask: NDArray[np.uint8] | None = None
        first: Path | None = None
        for name in self._paint_order:
            if name not in parts:
                continue
            seen = read_part(parts[name])
            if mask is None:
                mask, first = np.full(seen.shape, self._ids["background"], dtype=np.uint8), parts[name]
            if seen.shape != mask.shape:
                raise DataError(
                    f"mask {parts[name]} is {seen.shape[1]}x{seen.shape[0]} but {first} is"
                    f" {mask.shape[1]}x{mask.shape[0]}; unpack the parts of this picture again"
                )
            mask[seen] = self._ids[name]
        if mask is None:
            raise DataError(f"image {entry.image} has no part files in {PARTS}; unpack the dataset again")
        return mask

    def fingerprint(self) -> str:
        """Paint order and a hash over the files' names, sizes and modification times."""
        files = (path for entry in self._entries for path in (entry.image, *(part for _, part in entry.parts)))
        return f"{'>'.join(self._paint_order)} {fingerprint_of(files)}"


def _check_shape(image: NDArray[np.uint8], mask: NDArray[np.uint8], entry: _Entry) -> None:
    """Raise DataError if picture and parts differ in shape, not just in scale."""
    if image.shape[0] * mask.shape[1] != image.shape[1] * mask.shape[0]:
        raise DataError(
            f"mask {entry.parts[0][1]} is {mask.shape[1]}x{mask.shape[0]} but image {entry.image} is"
            f" {image.shape[1]}x{image.shape[0]}, which is another shape; unpack both again"
        )


def _rows(path: Path, columns: int) -> list[list[str]]:
    """Whitespace-separated rows of a list file; raises DataError naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} is missing or unreadable; the expected layout is {LAYOUT}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if fields and len(fields) != columns:
            raise DataError(f"{path} line {number} has {len(fields)} columns instead of {columns}; download it again")
        if fields:
            rows.append(fields)
    return rows


def _numbers(root: Path, split: str) -> list[int]:
    """Picture numbers of a split, through CelebA's file names."""
    codes = dict(_rows(root / PARTITION, 2))
    numbers = []
    for index, _, file in _rows(root / MAPPING, 3):
        if not index.isdigit():
            continue
        if file not in codes:
            raise DataError(f"{root / PARTITION} does not list {file}, which {MAPPING} names; download it again")
        if codes[file] == SPLIT_CODES[split]:
            numbers.append(int(index))
    return numbers


def _entries(root: Path, numbers: list[int]) -> tuple[_Entry, ...]:
    parts = _parts(root, {number // FOLDER_HOLDS for number in numbers})
    images = {path.name for path in (root / IMAGES).iterdir()}
    no_image = [f"{IMAGES}/{number}.jpg" for number in numbers if f"{number}.jpg" not in images]
    no_parts = [f"{PARTS}/{number // FOLDER_HOLDS}/{number:05d}_*.png" for number in numbers if number not in parts]
    missing = no_image + no_parts
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise DataError(f"{root} is not completely unpacked: {some} missing; the expected layout is {LAYOUT}")
    return tuple(
        _Entry(number, root / IMAGES / f"{number}.jpg", tuple(sorted(parts[number].items()))) for number in numbers
    )


def _parts(root: Path, folders: set[int]) -> dict[int, dict[str, Path]]:
    """Part files by picture number and part name, from the given numbered folders."""
    found: dict[int, dict[str, Path]] = {}
    for folder in sorted(folders):
        home = root / PARTS / str(folder)
        require_folder(home, LAYOUT)
        for path in sorted(home.glob("*.png")):
            number, _, part = path.stem.partition("_")
            if not number.isdigit() or part not in PAINT_ORDER:
                raise DataError(f"mask {path} names the unknown part {part!r}; known are: {', '.join(PAINT_ORDER)}")
            found.setdefault(int(number), {})[part] = path
    return found


@dataset("celebamask-hq", argument="PATH", summary="CelebAMask-HQ, 19 classes, parts painted in the order of their ids")
def open_celebamask_hq(request: Request) -> Dataset:
    """Open one split, painted in the authors' order; raises as `CelebAMaskHQ`."""
    return CelebAMaskHQ(request.spec, Path(request.argument), request.split, request.labels or FACE19)


@dataset("celebamask-hq-bisenet", argument="PATH", summary="CelebAMask-HQ painted in the order of BiSeNet face parsers")
def open_celebamask_hq_bisenet(request: Request) -> Dataset:
    """Open one split, painted in the other published order; class ids are still those of the label set."""
    labels = request.labels or FACE19
    return CelebAMaskHQ(request.spec, Path(request.argument), request.split, labels, BISENET_NAMES[1:])
