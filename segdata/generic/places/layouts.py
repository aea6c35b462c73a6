"""Find the folders of one split's pictures and masks.

Understood, with the words of IMAGE_FOLDERS and MASK_FOLDERS, in any case::

    PATH/SPLIT/images + PATH/SPLIT/masks          PATH/images/SPLIT + PATH/masks/SPLIT
    PATH/images + PATH/masks                      the same with PATH/ImageSets/Segmentation/SPLIT.txt
    PATH/SPLIT + PATH/SPLIT_masks                 PATH/SPLIT or PATH with NAME.jpg beside NAME_mask.png
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segdata.errors import DataError
from segdata.generic.places.words import MASK_WORDS, without
from segdata.generic.splits import no_split, split_named
from segdata.generic.text_files import read_text
from segdata.image_files import BAND_SUFFIX, IMAGE_SUFFIXES
from segdata.paired import require_folder

LAYOUT = "PATH/images + PATH/masks with equal file names, or the same inside PATH/train, PATH/val and PATH/test"
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "input", "inputs", "rgb")
MASK_FOLDERS = (
    *(
        "masks",
        "mask",
        "labels",
        "label",
        "segmentationclass",
        "segmentationclasspng",
        "annotations",
        "annotation",
        "annot",
    ),
    *("segmentations", "segmentation", "segmentation_masks", "groundtruth", "ground_truth", "gt", "targets", "target"),
)
LISTS = ("ImageSets/Segmentation", "ImageSets")
"""Folders in which Pascal VOC and CVAT list the names of each split."""


@dataclass(frozen=True)
class Place:
    """Hold where the pictures and the masks of a split lie.

    Attributes:
        images, masks: folders; equal where pictures and masks lie side by side.
        shared: True if all splits lie there.
        names: stems of the split's pictures, where a list tells them; None for all that lie there.
    """

    images: Path
    masks: Path
    shared: bool
    names: frozenset[str] | None = None


def place_of(root: Path, split: str) -> Place:
    """The place of a split; raises DataError where the folders are no layout above, or lack the split."""
    by_split = _split_folders(root)
    if by_split:
        if split not in by_split:
            raise no_split(root, split, list(by_split))
        return _checked(_inside(by_split[split], shared=False))
    flat = _inside(root, shared=True)
    below = _split_folders(flat.images) if flat.images != flat.masks and flat.images.is_dir() else {}
    if below:
        masks = _split_folders(flat.masks) if flat.masks.is_dir() else {}
        if split not in below:
            raise no_split(root, split, list(below))
        return _checked(Place(below[split], masks.get(split, flat.masks / below[split].name), shared=False))
    return _checked(_listed(root, flat, split))


def looks_paired(root: Path) -> bool:
    """True if folders of pictures and of masks lie in `root` or in its split folders."""
    for home in (root, *_split_folders(root).values()):
        images, masks = _folder(home, IMAGE_FOLDERS), _folder(home, MASK_FOLDERS)
        if images is None or masks is None:
            continue
        if masks.name.lower() == "masks" or any(
            has_pictures(folder) for folder in (masks, *_split_folders(masks).values())
        ):
            return True
    return False


def has_pictures(folder: Path) -> bool:
    """True if picture files lie in `folder` itself."""
    return any(path.suffix.lower() in (*IMAGE_SUFFIXES, BAND_SUFFIX) and path.is_file() for path in folder.iterdir())


def side_by_side(home: Path) -> bool:
    """True if pictures and masks lie in one folder: some names carry a word for masks, or PNG files lie among
    others."""
    files = [path for path in home.iterdir() if path.suffix.lower() in (*IMAGE_SUFFIXES, BAND_SUFFIX)]
    carried = {without(MASK_WORDS, apart=True)(path.stem) is not None for path in files}
    return carried == {True, False} or {path.suffix.lower() == ".png" for path in files} == {True, False}


def _inside(home: Path, *, shared: bool) -> Place:
    """Folders of pictures and masks in `home`, or `home` itself where pictures lie in it."""
    images, masks = _folder(home, IMAGE_FOLDERS), _folder(home, MASK_FOLDERS)
    if images is None and has_pictures(home):
        masks = masks or (None if shared else _companion(home))
        if masks is not None or side_by_side(home):
            return Place(home, masks or home, shared)
    return Place(images or home / "images", masks or home / "masks", shared)


def _checked(place: Place) -> Place:
    for folder in (place.images, place.masks):
        require_folder(folder, LAYOUT)
    return place


def _folder(home: Path, words: Sequence[str]) -> Path | None:
    """The folder of `home` with the first of these names; of masks rather one that holds pictures than one that does
    not."""
    there = {path.name.lower(): path for path in sorted(home.iterdir()) if path.is_dir()}
    found = [there[word] for word in words if word in there]
    filled = [path for path in found if has_pictures(path) or _split_folders(path)]
    return next(iter([*filled, *found]), None)


def _split_folders(home: Path) -> dict[str, Path]:
    """Split -> its folder in `home`; raises DataError if two folders are one split."""
    found: dict[str, Path] = {}
    for path in sorted(home.iterdir()):
        split = split_named(path.name) if path.is_dir() else None
        if split in found:
            raise DataError(f"{found[split]} and {path} both are split {split!r}; keep one of them")
        if split is not None:
            found[split] = path
    return dict(sorted(found.items(), key=lambda item: ("train", "val", "test").index(item[0])))


def _companion(home: Path) -> Path | None:
    """A folder beside `home` of its name and a word for masks: train_masks, trainannot."""
    for path in sorted(home.parent.iterdir()):
        rest = path.name.lower().removeprefix(home.name.lower())
        if path.is_dir() and rest != path.name.lower() and rest.strip("_-. ") in MASK_FOLDERS:
            return path
    return None


def _listed(root: Path, flat: Place, split: str) -> Place:
    """The place with the names that a list of this split holds; without lists of splits as it is."""
    home = next((root / name for name in LISTS if (root / name).is_dir()), None)
    lists = {} if home is None else {split_named(path.stem): path for path in sorted(home.glob("*.txt"))}
    known = [name for name in ("train", "val", "test") if name in lists]
    if not known:
        return flat
    if split not in known:
        raise no_split(root, split, known)
    path = lists[split]
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read as text ({problem}); save it as UTF-8") from None
    names = frozenset(Path(line.split()[0]).name for line in lines if line.strip())
    return Place(flat.images, flat.masks, shared=False, names=names)
