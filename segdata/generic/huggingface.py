"""Hugging Face datasets as `Dataset.save_to_disk` and `DatasetDict.save_to_disk` leave them: Arrow streams and their
description.

::

    PATH/dataset_dict.json                 {"splits": ["train", "validation"]}, or no splits and the files below in PATH itself
    PATH/train/state.json                  names the Arrow files
    PATH/train/dataset_info.json           names the columns
    PATH/train/data-00000-of-00001.arrow   pictures and masks as encoded image files
    PATH/id2label.json                     or another class file, see `segdata.generic.classes`

pyarrow reads them; it comes with the `datasets` package and is needed only here.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError, MissingPackageError
from segdata.generic.changes import read_changes, vocabulary
from segdata.generic.classes import CLASS_FILES, read_classes
from segdata.generic.masks.class_colours import ClassColours
from segdata.generic.masks.mask_code import MaskCode, code_of
from segdata.generic.masks.stored_mask import Sheet, sheet_of
from segdata.generic.splits import ALIASES, SPLITS, no_split, share_of
from segdata.generic.text_files import read_text
from segdata.image_files import check_size, decoded_image, load_mask
from segdata.paired import fingerprint_of, require_folder
from segdata.registry import Request, dataset

LAYOUT = "PATH/dataset_dict.json with PATH/SPLIT/state.json, or PATH/state.json, as save_to_disk writes them"
PICTURE_COLUMNS = ("image", "img", "pixel_values", "picture")
MASK_COLUMNS = ("label", "labels", "annotation", "mask", "segmentation_mask", "semantic_segmentation", "segmentation")


@dataset("huggingface", argument="PATH", splits=SPLITS, summary="a Hugging Face dataset that save_to_disk wrote")
def open_huggingface(request: Request) -> Dataset:
    """Open one split of a saved dataset.

    Raises:
        DataError: no such split, no column of pictures or masks, no class names.
        MissingPackageError: pyarrow is not installed.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    if not looks_saved(root):
        raise DataError(f"{root} is no saved dataset; the expected layout is {LAYOUT}")
    try:
        import pyarrow  # noqa: F401  # looked for before anything is read
    except ImportError as problem:
        raise MissingPackageError(
            'reading Hugging Face datasets needs the pyarrow package; run: pip install "segport[huggingface]"'
        ) from problem
    return SavedDataset(request, root)


def looks_saved(root: Path) -> bool:
    """True if `root` is what save_to_disk writes."""
    return (root / "state.json").is_file() or (root / "dataset_dict.json").is_file()


class SavedDataset(Dataset):
    """Rows of Arrow files; a row has a picture and a mask, each an encoded image file."""

    def __init__(self, request: Request, root: Path) -> None:
        self.name, self.split = request.spec, request.split
        home, shared = _home(root, request.split)
        self._picture, self._mask = _columns(home)
        self._files = [home / name for name in _arrow_files(home)]
        rows = [(path, row) for path in self._files for row in range(_table(path).num_rows)]
        if not rows:
            raise DataError(f"{home} has no rows; save a dataset with pictures")
        numbered = [(f"{home.name}-{number:07d}", path, row) for number, (path, row) in enumerate(rows)]
        self._rows = share_of(self.split, numbered, root) if shared else numbered
        found = read_classes(root) or read_classes(home)
        own = found.labels if found else request.labels
        if own is None:
            raise DataError(
                f"{root} does not name its classes; add {root / 'id2label.json'} with a name for every id (or"
                f" {', '.join(CLASS_FILES)})"
            )
        self._changes = read_changes(root)
        self.ignores = self._changes.ignores
        self._words = vocabulary(own.names, self._changes, request.labels, own)
        self.labels = self._words.labels
        colours = ClassColours.of(found) if found is not None and found.has_colours else None
        stored = [functools.partial(self._sheet, index) for index in range(len(self._rows))]
        self._code = code_of(stored, own.names, colours, self._words.ignored_ids)
        how = "" if self._code.layout == MaskCode.layout else f", {self._code.layout}"
        self.layout = f"Hugging Face dataset, columns {self._picture!r} and {self._mask!r}{how}"

    def __len__(self) -> int:
        return len(self._rows)

    def sample_id(self, index: int) -> str:
        return self._rows[index][0]

    def __getitem__(self, index: int) -> Sample:
        """Decode one row; DataError names the row that is damaged."""
        if not 0 <= index < len(self._rows):
            raise IndexError(f"sample {index} of {len(self._rows)}")
        name, path, row = self._rows[index]
        sheet, where = self._sheet(index)
        image = decoded_image(_bytes(path, row, self._picture), where)
        ids = self._code.ids(sheet, where)
        check_size(image, ids, where, where)
        return Sample(name, image, self._words.table[ids])

    def _sheet(self, index: int) -> tuple[Sheet, Path]:
        _, path, row = self._rows[index]
        where = Path(f"{path}, row {row}")
        return sheet_of(load_mask(where, _bytes(path, row, self._mask)), where), where

    def fingerprint(self) -> str:
        """Hash over names, sizes and modification times of the Arrow files and of labels.toml."""
        return fingerprint_of([*self._files, *([self._changes.path] if self._changes.path.is_file() else [])])


def _home(root: Path, split: str) -> tuple[Path, bool]:
    """The folder that holds a split, and whether all splits share it."""
    if not (root / "dataset_dict.json").is_file():
        return root, True
    names = _json(root / "dataset_dict.json").get("splits")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{root / 'dataset_dict.json'} does not list its splits; save the dataset again")
    folders = {ALIASES.get(str(name), str(name)): root / name for name in names}
    if split not in folders:
        raise no_split(root, split, sorted(folders))
    return folders[split], False


def _columns(home: Path) -> tuple[str, str]:
    features = _json(home / "dataset_info.json").get("features")
    if not isinstance(features, dict):
        raise DataError(f"{home / 'dataset_info.json'} does not describe the columns; save the dataset again")
    images = [name for name, kind in features.items() if isinstance(kind, dict) and kind.get("_type") == "Image"]
    masks = [name for name in MASK_COLUMNS if name in images]
    pictures = [name for name in (*PICTURE_COLUMNS, *images) if name in images and name not in masks[:1]]
    masks = masks or [name for name in images if name not in pictures[:1]]
    if not pictures or not masks:
        raise DataError(
            f"{home} has the columns {', '.join(features)}, of which {len(images)} hold images; a picture and a mask of"
            f" ids are needed, as columns of type Image named like {PICTURE_COLUMNS[0]!r} and {MASK_COLUMNS[0]!r}"
        )
    return pictures[0], masks[0]


def _arrow_files(home: Path) -> list[str]:
    entries = _json(home / "state.json").get("_data_files")
    names = [entry.get("filename") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    # A plain name only: a description must not lead out of the folder.
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DataError(f"{home / 'state.json'} names no Arrow files of this folder; save the dataset again")
    return [str(name) for name in names]


def _table(path: Path) -> Any:
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise DataError(f"{path} does not exist; save the dataset again") from None
    return _opened(path, changed)


@functools.lru_cache(maxsize=64)
def _opened(path: Path, changed: int) -> Any:
    """The rows of an Arrow stream as it was at time `changed`, mapped into memory; opened anew in every process."""
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as source:
            return pyarrow.ipc.open_stream(source).read_all()
    except (OSError, pyarrow.ArrowException) as problem:
        first = str(problem).splitlines()[0][:200]
        raise DataError(f"{path} cannot be read ({first}); save the dataset again, the file may be damaged") from None


def _bytes(path: Path, row: int, column: str) -> bytes:
    table = _table(path)
    if column not in table.column_names:
        raise DataError(f"{path} has no column {column!r}; save the dataset again")
    cell = table.column(column)[row].as_py()
    content = cell.get("bytes") if isinstance(cell, dict) else None
    if not isinstance(content, bytes):
        raise DataError(
            f"{path}, row {row}, keeps only the path of its {column!r}; save the dataset again with its pictures"
            " embedded"
        )
    return content


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise DataError(f"{path} is not readable JSON ({problem}); save the dataset again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is not a description of a dataset; save the dataset again")
    return content
