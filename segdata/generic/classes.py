"""Read class names and colours from a file beside somebody's pictures.

::

    classes.txt      one name a line in the order of the ids
    classes.json     ["background", ...] or {"names": [...], "colours": [[r, g, b], ...], "mirrored": [[a, b], ...]}
    id2label.json    {"0": "background", ...}, as transformers keeps it
    class_dict.csv   name,r,g,b with a heading, as CamVid's copies have it
    labelmap.txt     name:r,g,b:: a line, as CVAT exports it
    _classes.csv     Pixel Value, Class with that heading, as Roboflow exports it
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segdata.errors import DataError
from segdata.generic.colours import spaced_colours
from segdata.generic.text_files import read_text
from segdata.labels import LabelSet


@dataclass(frozen=True)
class ClassFile:
    """Hold what a class file says; `has_colours` is False where the colours are only for display."""

    labels: LabelSet
    has_colours: bool
    path: Path


def read_classes(root: Path) -> ClassFile | None:
    """Read the class file of a folder; None if there is none.

    Raises:
        DataError: there are two, or one that says nothing usable.
    """
    found = [root / name for name in _READERS if (root / name).is_file()]
    if len(found) > 1:
        raise DataError(f"{found[0]} and {found[1]} both name the classes; keep one of them")
    return _READERS[found[0].name](found[0]) if found else None


def _from_lines(path: Path) -> ClassFile:
    lines = [line.strip() for line in _read_text(path).splitlines()]
    return _class_file(path, {"names": [line for line in lines if line]})


def _from_json(path: Path) -> ClassFile:
    content = _json(path)
    return _class_file(path, {"names": content} if isinstance(content, list) else content)


def _from_id2label(path: Path) -> ClassFile:
    content = _json(path)
    keys = sorted(content, key=lambda key: (len(key), key)) if isinstance(content, dict) else []
    if not keys or keys != [str(number) for number in range(len(keys))]:
        raise DataError(f'{path} must map every id from 0 on to a name, like {{"0": "background"}}; correct it')
    return _class_file(path, {"names": [content[key] for key in keys]})


def _from_csv(path: Path) -> ClassFile:
    rows = _rows(path)
    if not rows or [cell.strip().lower() for cell in rows[0]] != ["name", "r", "g", "b"]:
        raise DataError(f"{path} must begin with the heading name,r,g,b; correct it")
    return _coloured(path, [(row[0].strip(), row[1:]) for row in rows[1:]])


def _from_values(path: Path) -> ClassFile:
    rows = _rows(path)
    if not rows or [cell.strip().lower() for cell in rows[0]] != ["pixel value", "class"]:
        raise DataError(f"{path} must begin with the heading Pixel Value, Class; correct it")
    numbers = [row[0].strip() for row in rows[1:]]
    if numbers != [str(number) for number in range(len(numbers))] or any(len(row) != 2 for row in rows):
        raise DataError(f"{path} must give every value from 0 on a class, in their order; correct it")
    return _class_file(path, {"names": [row[1].strip() for row in rows[1:]]})


def _rows(path: Path) -> list[list[str]]:
    """The cells of a table, without empty lines."""
    lines = _read_text(path).splitlines()
    # Excel writes semicolons where the comma is the decimal sign.
    separator = next((mark for mark in ";\t" if lines and mark in lines[0]), ",")
    return [row for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)]


def _from_labelmap(path: Path) -> ClassFile:
    lines = [line for line in _read_text(path).splitlines() if line.strip() and not line.startswith("#")]
    parts = [line.split(":") for line in lines]
    return _coloured(path, [(part[0].strip(), part[1].split(",") if len(part) > 1 else []) for part in parts])


def _coloured(path: Path, rows: list[tuple[str, list[str]]]) -> ClassFile:
    colours = []
    for name, cells in rows:
        if len(cells) != 3 or not all(cell.strip().isdigit() for cell in cells):
            raise DataError(f"{path} gives class {name!r} no colour of three numbers; correct that line")
        colours.append([int(cell) for cell in cells])
    return _class_file(path, {"names": [name for name, _ in rows], "colours": colours})


_READERS: dict[str, Callable[[Path], ClassFile]] = {
    "classes.txt": _from_lines,
    "classes.json": _from_json,
    "id2label.json": _from_id2label,
    "class_dict.csv": _from_csv,
    "labelmap.txt": _from_labelmap,
    "_classes.csv": _from_values,
}
CLASS_FILES = tuple(_READERS)
"""Names that a class file may have."""


def _read_text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read as text ({problem}); save it as UTF-8") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as problem:
        raise DataError(f"{path} is not valid JSON ({problem}); correct it") from None


def _class_file(path: Path, content: Any) -> ClassFile:
    """Check what a class file says and make a label set named after its folder."""
    if not isinstance(content, dict) or set(content) - {"names", "colours", "mirrored"} or "names" not in content:
        raise DataError(f"{path} must be a list of names or an object with names, colours and mirrored; correct it")
    names = content["names"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path} names no classes; list at least one class name, each a text")
    colours = content.get("colours", spaced_colours(len(names)))
    mirrored = content.get("mirrored", [])
    if not _all(_is_colour, colours) or not _all(_is_pair, mirrored):
        raise DataError(f"{path} has a colour that is not [r, g, b] in 0..255 or a mirrored pair that is not two names")
    labels = LabelSet(
        path.parent.name or "folder", tuple(names), tuple(map(tuple, colours)), tuple((a, b) for a, b in mirrored)
    )
    return ClassFile(labels, "colours" in content, path)


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
