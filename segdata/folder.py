"""Anybody's pictures: a folder of images and a folder of masks.

Layout, for all pictures at once or inside ``train/``, ``val/`` and ``test/``::

    PATH/images/NAME.jpg     (or .jpeg .png .bmp .webp)
    PATH/masks/NAME.png      class ids, indexed or 8-bit grey, at the image's size; 255 is ignored
    PATH/classes.txt         class names, one a line in id order; or
    PATH/classes.json        ["background", ...] or {"names": [...], "colours": [[r, g, b], ...], "mirrored": [[a, b], ...]}

Without split folders every fifth picture (in the order of names) is ``train`` and the others are both ``val`` and ``test``, so
that what calibrates a model never judges it.
"""

from __future__ import annotations

import colorsys
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segdata.dataset import Dataset
from segdata.errors import DataError
from segdata.labels import Colour, LabelSet, remap_table
from segdata.paired import Pair, PairedFiles, files_by_stem, pair_up, require_folder
from segdata.registry import Request, dataset

SPLITS = ("train", "val", "test")
LAYOUT = "PATH/images + PATH/masks with equal file names, or the same inside PATH/train, PATH/val and PATH/test"
TRAIN_EVERY = 5


@dataset("folder", argument="PATH", splits=SPLITS, summary="your own images/ and masks/ folders")
def open_folder(request: Request) -> Dataset:
    """Open PATH in the layout above, with `request.labels` or the classes its own file names.

    Raises:
        DataError: for a missing or empty folder, a missing pair, missing or bad class names.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    own = _own_labels(root)
    labels = request.labels or own
    if labels is None:
        raise DataError(f"{root} does not name its classes; add {root / 'classes.txt'} with one class name a line")
    stored = labels if own is None else own
    table = np.arange(256, dtype=np.uint8) if own is None else remap_table(own.names, labels)
    pairs = _pairs(root, request.split)
    return PairedFiles(request.spec, request.split, labels, pairs, len(stored), table)


def _pairs(root: Path, split: str) -> list[Pair]:
    present = [name for name in SPLITS if (root / name).is_dir()]
    if present and split not in present:
        raise DataError(f"{root} has no split {split!r}; it has: {', '.join(present)}")
    home = root / split if present else root
    for part in ("images", "masks"):
        require_folder(home / part, LAYOUT)
    found = pair_up(
        files_by_stem(home / "images"),
        files_by_stem(home / "masks", (".png",)),
        str(home / "images"),
        str(home / "masks"),
    )
    if present:
        return found
    chosen = [pair for index, pair in enumerate(found) if (index % TRAIN_EVERY == 0) == (split == "train")]
    if not chosen:
        raise DataError(f"{root} has a single picture, which is kept for split 'train'; add at least one more")
    return chosen


def _own_labels(root: Path) -> LabelSet | None:
    text, data = root / "classes.txt", root / "classes.json"
    if text.is_file() and data.is_file():
        raise DataError(f"{text} and {data} both name the classes; keep one of them")
    if text.is_file():
        lines = [line.strip() for line in _read_text(text).splitlines()]
        names = [line for line in lines if line]
        return _label_set(text, {"names": names})
    if data.is_file():
        try:
            content = json.loads(_read_text(data))
        except json.JSONDecodeError as problem:
            raise DataError(f"{data} is not valid JSON ({problem}); correct it") from None
        return _label_set(data, {"names": content} if isinstance(content, list) else content)
    return None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read as text ({problem}); save it as UTF-8") from None


def _label_set(path: Path, content: Any) -> LabelSet:
    """Check what a classes file says and make a label set named after its folder."""
    if not isinstance(content, dict) or set(content) - {"names", "colours", "mirrored"} or "names" not in content:
        raise DataError(f"{path} must be a list of names or an object with names, colours and mirrored; correct it")
    names = content["names"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path} names no classes; list at least one class name, each a text")
    colours = content.get("colours", spaced_colours(len(names)))
    mirrored = content.get("mirrored", [])
    if not _all(_is_colour, colours) or not _all(_is_pair, mirrored):
        raise DataError(f"{path} has a colour that is not [r, g, b] in 0..255 or a mirrored pair that is not two names")
    return LabelSet(
        path.parent.name or "folder", tuple(names), tuple(map(tuple, colours)), tuple((a, b) for a, b in mirrored)
    )


def _all(check: Callable[[Any], bool], values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(check(value) for value in values)


def _is_colour(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and all(type(part) is int and 0 <= part <= 255 for part in value)
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(part, str) for part in value)


def spaced_colours(count: int) -> tuple[Colour, ...]:
    """`count` display colours: black, then hues spaced by the golden ratio."""
    wheel = [colorsys.hsv_to_rgb((index * 0.618034) % 1.0, 0.75, 0.95) for index in range(count - 1)]
    return ((0, 0, 0), *((round(r * 255), round(g * 255), round(b * 255)) for r, g, b in wheel))
