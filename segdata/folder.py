"""Open anybody's folder: look at what lies in it, open it as what it seems to be, and say so.

The readers are named ones, so that whoever disagrees with the guess writes the name: ``coco:PATH`` for ``folder:PATH``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from segdata.dataset import Dataset
from segdata.errors import DataError
from segdata.generic import coco, huggingface
from segdata.generic.classes import CLASS_FILES
from segdata.generic.paired_masks import open_paired
from segdata.generic.places.layouts import LAYOUT, has_pictures, looks_paired, side_by_side
from segdata.generic.splits import SPLITS
from segdata.labels import LabelSet
from segdata.paired import require_folder
from segdata.photos import Photos
from segdata.registry import Request, dataset, dataset_kinds

PHOTOS = "photographs"
"""What a folder without labels is; no kind of its own, since nothing can be judged by it."""


@dataset("masks", argument="PATH", splits=SPLITS, summary="images/ with masks/ of class ids or class colours")
def open_masks(request: Request) -> Dataset:
    """Open PATH/images and PATH/masks, see `segdata.generic.paired_masks`."""
    return open_paired(request)


@dataset("folder", argument="PATH", splits=SPLITS, summary="your own pictures; guesses their format and says which")
def open_folder(request: Request) -> Dataset:
    """Open PATH as the format that its files speak of; pictures with masks where they speak of none.

    Raises:
        DataError: whatever is wrong for that format, with the guess in the sentence.
    """
    root = Path(request.argument)
    if not root.is_file():
        require_folder(root, f"{LAYOUT}; or COCO annotations with their pictures, or a saved Hugging Face dataset")
    kind = guessed_kind(root)
    if kind == PHOTOS:
        photos = Photos(root, request.labels or LabelSet(root.name or "photographs", ("unknown",), ((0, 0, 0),)))
        photos.name, photos.layout = request.spec, "photographs without labels, which can calibrate"
        return photos
    if kind == "masks":
        return open_paired(request)
    try:
        opened = dataset_kinds()[kind].open(dataclasses.replace(request, argument=str(root)))
    except DataError as problem:
        sentence = f"{problem} ({root} looks like {kind}:PATH; write another name in the place of folder: if it is not)"
        raise type(problem)(sentence) from problem
    opened.layout = f"{kind}:PATH, {opened.layout}" if opened.layout else f"{kind}:PATH"
    return opened


def guessed_kind(root: Path) -> str:
    """Return the name of the dataset kind that the files below `root` look like, or PHOTOS."""
    return next((kind for kind, speaks in _SIGNS if speaks(root)), "masks")


def _holds_photographs_alone(root: Path) -> bool:
    """True for pictures in the folder itself without masks beside them, and without class names."""
    named = any((root / name).is_file() for name in CLASS_FILES)
    return root.is_dir() and has_pictures(root) and not named and not side_by_side(root)


_SIGNS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("huggingface", huggingface.looks_saved),
    ("celebamask-hq", lambda root: (root / "CelebA-HQ-img").is_dir()),
    ("helen", lambda root: any(root.glob("train/*_label.png")) and any(root.glob("train/*_image.*"))),
    ("lapa", lambda root: (root / "train" / "landmarks").is_dir()),
    ("masks", looks_paired),
    ("coco", coco.looks_annotated),
    (PHOTOS, _holds_photographs_alone),
)
"""In this order: what only one format has comes before what several could have."""
