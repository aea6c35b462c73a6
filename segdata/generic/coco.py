"""COCO annotations: panoptic PNGs with their JSON, or polygons and run lengths in one JSON.

Format: https://cocodataset.org/#format-data. Found wherever published copies keep them::

    PATH/annotations/panoptic_val2017.json + PATH/annotations/panoptic_val2017/*.png + PATH/val2017/*.jpg
    PATH/annotations/instances_val2017.json + PATH/val2017/*.jpg
    PATH/val/_annotations.coco.json + PATH/val/*.jpg
    PATH/anything.json + PATH/images/*.jpg

A JSON whose name speaks of no split is shared: every fifth picture is ``train``. PATH may also be the JSON itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.generic.changes import IGNORED, LabelChanges, Vocabulary, read_changes, vocabulary
from segdata.generic.classes import CLASS_FILES
from segdata.generic.coco_masks import covered
from segdata.generic.splits import SPLITS, no_split, share_of, split_of
from segdata.generic.text_files import read_text
from segdata.image_files import check_size, read_colours, read_image
from segdata.labels import IGNORE_INDEX
from segdata.paired import fingerprint_of
from segdata.registry import Request, dataset

LAYOUT = (
    "PATH/annotations/panoptic_val.json + PATH/annotations/panoptic_val/NAME.png, or"
    " PATH/annotations/instances_val.json, with PATH/val/NAME.jpg"
)
PREFERRED = ("panoptic", "stuff", "instances")
"""Of several annotation files for one split, the first of these is taken: they say most about every pixel."""
BACKGROUND = "background"
ANNOTATIONS = "annotations"
"""Folder in which COCO keeps its JSON files, beside those of the pictures."""

Document = Mapping[str, Any]


@dataset("coco", argument="PATH", splits=SPLITS, summary="COCO annotations: panoptic, or polygons and run lengths")
def open_coco(request: Request) -> Dataset:
    """Open the annotations of one split.

    Pixels that nothing covers are class ``background``, put before the categories, in a file of polygons and run
    lengths; they are ignored in a panoptic one. ``unlabelled`` in labels.toml decides otherwise.

    Raises:
        DataError: no annotations for this split, annotations of another form, or pictures that are not there.
    """
    path, shared = _annotation_file(Path(request.argument), request.split)
    root = Path(request.argument)
    if root.is_file():
        root = path.parent.parent if path.parent.name == ANNOTATIONS else path.parent
    document = _read(path)
    form: type[CocoMasks] = PanopticMasks if _is_panoptic(document) else DrawnMasks
    return form(request, _Annotations(root, path, document, shared))


def looks_annotated(root: Path) -> bool:
    """True if annotation files lie where COCO's do, or `root` is one."""
    return root.suffix == ".json" if root.is_file() else bool(_candidates(root))


@dataclass(frozen=True)
class _Annotations:
    """One annotation file: where, what it says, and whether all splits share it."""

    root: Path
    path: Path
    document: Document
    shared: bool

    @property
    def images(self) -> list[Document]:
        return sorted(self.document["images"], key=lambda entry: str(entry["file_name"]))

    @property
    def categories(self) -> list[Document]:
        return sorted(self.document["categories"], key=lambda entry: int(entry["id"]))


class CocoMasks(Dataset):
    """Samples of one annotation file; `kind` says how it describes pixels and `bare` what uncovered ones are."""

    kind: str
    bare: str
    ignores = True

    def __init__(self, request: Request, given: _Annotations) -> None:
        self.name, self.split = request.spec, request.split
        self._path, self._changes = given.path, read_changes(given.root)
        self.layout = f"COCO {self.kind}, {given.path.name}"
        self._numbers, self._words, self._uncovered = _words(given, self._changes, request, self.bare)
        self.labels = self._words.labels
        by_image: dict[Any, list[Document]] = {}
        for entry in given.document["annotations"]:
            by_image.setdefault(entry["image_id"], []).append(entry)
        chosen = share_of(self.split, given.images, given.root) if given.shared else given.images
        home = _folder_of([str(entry["file_name"]) for entry in chosen[:1]], given, self.split)
        self._images = [(str(entry["file_name"]), home / str(entry["file_name"])) for entry in chosen]
        self._entries = [by_image.get(entry["id"], []) for entry in chosen]
        self._prepare(given)

    def _prepare(self, given: _Annotations) -> None:
        """Look for what further files there are."""

    def ids(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Places of the categories, uint8 (H, W)."""
        raise NotImplementedError

    def files(self, index: int) -> list[Path]:
        """Files that sample `index` is read from, besides the annotations."""
        return [self._images[index][1]]

    def __len__(self) -> int:
        return len(self._images)

    def sample_id(self, index: int) -> str:
        return self._images[index][0]

    def __getitem__(self, index: int) -> Sample:
        """Read one picture and draw its mask; DataError names a damaged file or annotation."""
        if not 0 <= index < len(self._images):
            raise IndexError(f"sample {index} of {len(self._images)}")
        image = read_image(self._images[index][1])
        return Sample(self.sample_id(index), image, self._words.table[self.ids(index, image)])

    def fingerprint(self) -> str:
        """Hash over names, sizes and modification times of annotations, pictures and masks."""
        beside = [self._path, *([self._changes.path] if self._changes.path.is_file() else [])]
        return fingerprint_of([*beside, *(path for index in range(len(self)) for path in self.files(index))])

    def _place(self, category: Any) -> int:
        try:
            return self._numbers[category]
        except (KeyError, TypeError):
            raise DataError(
                f"{self._path} uses the category {category!r}, which it does not list; correct it"
            ) from None


class PanopticMasks(CocoMasks):
    """Segments numbered by colour in PNG files."""

    kind, bare = "panoptic", IGNORED

    def _prepare(self, given: _Annotations) -> None:
        missing = [name for (name, _), entries in zip(self._images, self._entries, strict=True) if not entries]
        if missing:
            raise DataError(f"{self._path} has no annotation for {missing[0]}; add it or remove the picture's entry")
        masks = [str(entries[0].get("file_name", "")) for entries in self._entries]
        first = (given.path.with_suffix(""), given.root / given.path.stem)
        home = _folder_of(masks[:1], given, self.split, first, apart_from=self._images[0][1].parent)
        self._masks = [home / name for name in masks]

    def files(self, index: int) -> list[Path]:
        return [*super().files(index), self._masks[index]]

    def ids(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A segment's number is R + 256 G + 65536 B; 0 belongs to none."""
        path = self._masks[index]
        colours = read_colours(path).astype(np.int64)
        numbers = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
        ids = np.full(numbers.shape, IGNORE_INDEX, dtype=np.uint8)
        check_size(image, ids, self._images[index][1], path)
        place_of = {
            int(part["id"]): self._place(part["category_id"]) for part in self._entries[index][0]["segments_info"]
        }
        for number in np.unique(numbers):
            if number and int(number) not in place_of:
                raise DataError(
                    f"mask {path} holds the segment {number}, which {self._path} does not describe; correct it"
                )
            ids[numbers == number] = place_of[int(number)] if number else self._uncovered
        return ids


class DrawnMasks(CocoMasks):
    """Polygons and run lengths; of those that overlap, the smaller lies on top."""

    kind, bare = "polygons and run lengths", BACKGROUND

    def ids(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        name = f"{self._path}, picture {self.sample_id(index)}"
        drawn = [(covered(entry.get("segmentation"), height, width, name), entry) for entry in self._entries[index]]
        ids = np.full((height, width), self._uncovered, dtype=np.uint8)
        for where, entry in sorted(drawn, key=lambda pair: -int(pair[0].sum())):
            ids[where] = self._place(entry["category_id"])
        return ids


def _words(
    given: _Annotations, changes: LabelChanges, request: Request, bare: str
) -> tuple[dict[Any, int], Vocabulary, int]:
    """Category id -> place, the vocabulary of places, and the place of uncovered pixels."""
    names = [str(entry["name"]) for entry in given.categories]
    numbers = {entry["id"]: place for place, entry in enumerate(given.categories)}
    wanted = changes.unlabelled or bare
    if wanted != IGNORED and wanted not in names:
        names, numbers = [wanted, *names], {key: place + 1 for key, place in numbers.items()}
    if len(names) > IGNORE_INDEX:
        raise DataError(
            f"{given.path} has {len(names)} classes; segport's masks hold at most {IGNORE_INDEX}; merge categories"
        )
    uncovered = IGNORE_INDEX if wanted == IGNORED else names.index(wanted)
    return numbers, vocabulary(names, changes, request.labels), uncovered


def _candidates(root: Path) -> list[Path]:
    places = (root, root / "annotations", *(root / split for split in (*SPLITS, "valid")))
    found = [path for place in places for path in sorted(place.glob("*.json"))]
    return [path for path in found if path.name not in CLASS_FILES]


def _annotation_file(root: Path, split: str) -> tuple[Path, bool]:
    """The annotations of a split, and whether they are those of all splits."""
    if root.is_file():
        return root, True
    if not root.is_dir():
        raise DataError(f"{root} does not exist; the expected layout is {LAYOUT}")
    found = _candidates(root)
    if not found:
        raise DataError(f"{root} has no annotations; the expected layout is {LAYOUT}")
    by_split: dict[str | None, list[Path]] = {}
    for path in found:
        by_split.setdefault(split_of(path.stem) or split_of(path.parent.name), []).append(path)
    named = sorted(name for name in by_split if name is not None)
    if split in by_split:
        return _preferred(by_split[split]), False
    if None in by_split and not named:
        return _preferred(by_split[None]), True
    raise no_split(root, split, named)


def _preferred(found: Sequence[Path]) -> Path:
    for word in PREFERRED:
        chosen = [path for path in found if word in path.name]
        if chosen:
            return chosen[0]
    if len(found) > 1:
        raise DataError(f"{found[0]} and {found[1]} both could hold the annotations; give coco:FILE for one of them")
    return found[0]


def _folder_of(
    names: Sequence[str], given: _Annotations, split: str, first: Sequence[Path] = (), apart_from: Path | None = None
) -> Path:
    """The folder in which the files named by the annotations lie."""
    below = [path for path in sorted(given.root.iterdir()) if path.is_dir()]
    of_split = [path for path in below if split_of(path.name) == split]
    nested = [
        path
        for home in below
        if home.name == "images"
        for path in sorted(home.iterdir())
        if split_of(path.name) == split
    ]
    places = [*first, given.path.parent, given.root, *of_split, *nested, *below]
    for place in places:
        if place != apart_from and all((place / name).is_file() for name in names):
            return place
    raise DataError(
        f"{given.path} names {names[0]!r}, which lies nowhere in {given.root}; the expected layout is {LAYOUT}"
    )


def _is_panoptic(document: Document) -> bool:
    return any("segments_info" in entry for entry in document["annotations"][:1])


def _read(path: Path) -> Document:
    try:
        content = json.loads(read_text(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise DataError(f"{path} is not readable JSON ({problem}); replace the file, it may be damaged") from None
    checks: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("images", lambda entry: "id" in entry and "file_name" in entry),
        ("annotations", lambda entry: "image_id" in entry and ("segments_info" in entry or "category_id" in entry)),
        ("categories", lambda entry: isinstance(entry.get("id"), int) and "name" in entry),
    )
    for key, is_whole in checks:
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) and is_whole(entry) for entry in entries):
            raise DataError(
                f"{path} is not a file of COCO annotations: its list {key!r} is missing or incomplete; export it again"
            )
    if not content["images"] or not content["categories"]:
        raise DataError(f"{path} lists no pictures or no categories; export it again")
    named = [entry["name"] for entry in content["categories"]]
    if len(set(named)) != len(named):
        raise DataError(f"{path} names a category twice; make every name unique")
    return content  # type: ignore[no-any-return]
