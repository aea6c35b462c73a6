"""Read labels.toml, which changes class names between the files and the network.

::

    ignore = ["void", 254]         # names or ids whose pixels count for nothing
    unlabelled = "ignore"          # COCO: pixels that no annotation covers: "ignore", or the name of a class
    [rename]
    pedestrian = "person"          # several old names may become one
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError
from segdata.generic.colours import spaced_colours
from segdata.generic.text_files import read_text
from segdata.labels import IGNORE_INDEX, MAX_CLASSES, Colour, LabelSet

FILE = "labels.toml"
IGNORED = "ignore"


@dataclass(frozen=True)
class LabelChanges:
    """Hold what labels.toml asks for.

    Attributes:
        path: where it is, or would be; for sentences.
        ignored_names, ignored_ids: pixels of these become 255.
        rename: name in the files -> name of the label set.
        unlabelled: name for pixels that nothing covers, IGNORED, or None for the format's own custom.
    """

    path: Path
    ignored_names: frozenset[str] = frozenset()
    ignored_ids: frozenset[int] = frozenset()
    rename: Mapping[str, str] = field(default_factory=dict)
    unlabelled: str | None = None

    @property
    def ignores(self) -> bool:
        """True if pixels of any class are asked to count for nothing."""
        return bool(self.ignored_names or self.ignored_ids)

    def drops(self, name: str, number: int) -> bool:
        """Return True if pixels of this class count for nothing."""
        return name in self.ignored_names or number in self.ignored_ids


def read_changes(root: Path) -> LabelChanges:
    """Read ``root/labels.toml`` if there is one.

    Raises:
        DataError: it cannot be read, or says something else than the three keys above.
    """
    path = root / FILE
    if not path.is_file():
        return LabelChanges(path)
    try:
        content = tomllib.loads(read_text(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise DataError(f"{path} is not a readable TOML file ({problem}); mend that line") from None
    ignore, rename = content.pop("ignore", []), content.pop("rename", {})
    unlabelled = content.pop("unlabelled", None)
    if content:
        raise DataError(f"{path} has the unknown key {next(iter(content))!r}; it takes ignore, unlabelled and [rename]")
    if not isinstance(ignore, list) or not all(_is_name_or_id(entry) for entry in ignore):
        raise DataError(f"{path}: ignore must be a list of class names and ids from 0 to 255, like ['void', 254]")
    if not isinstance(rename, dict) or not all(isinstance(new, str) and new for new in rename.values()):
        raise DataError(f"{path}: [rename] must give names for names, like pedestrian = 'person'")
    if unlabelled is not None and not (isinstance(unlabelled, str) and unlabelled):
        raise DataError(f"{path}: unlabelled must be 'ignore' or the name of a class")
    return LabelChanges(
        path,
        frozenset(entry for entry in ignore if isinstance(entry, str)),
        frozenset(entry for entry in ignore if isinstance(entry, int)),
        rename,
        unlabelled,
    )


@dataclass(frozen=True)
class Vocabulary:
    """Lead from ids in the files to ids of a label set.

    Attributes:
        labels: the label set of the samples handed out.
        table: uint8[256]; ids that are ignored become 255.
        stored: how many ids the files may hold, from 0.
        ignored_ids: further ids that the files may hold and that count for nothing.
    """

    labels: LabelSet
    table: NDArray[np.uint8]
    stored: int
    ignored_ids: tuple[int, ...]


def vocabulary(
    stored: Sequence[str], changes: LabelChanges, wanted: LabelSet | None, own: LabelSet | None = None
) -> Vocabulary:
    """Match the names in the files with those wanted, by name.

    Args:
        stored: class names in the order of the ids in the files.
        changes: renames and ignored classes.
        wanted: the label set asked for; None for the files' own.
        own: the files' own label set, for its colours and mirrored pairs, where they have one.

    Raises:
        DataError: a name in labels.toml that the files do not have, or one in the files that `wanted` does not have.
    """
    _check_names(stored, changes)
    kept = {number: name for number, name in enumerate(stored) if not changes.drops(name, number)}
    named = {number: changes.rename.get(name, name) for number, name in kept.items()}
    names = tuple(dict.fromkeys(named.values()))
    if not names:
        raise DataError(f"{changes.path} ignores every class; leave one at least")
    labels = wanted or (own if own is not None and names == own.names else _label_set(names, named, changes, own))
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    for number, name in named.items():
        if name not in labels.names:
            raise DataError(
                f"label set {labels.name!r} has no class {name!r}; it has: {', '.join(labels.names)}; "
                f"rename or ignore it in {changes.path}"
            )
        table[number] = labels.index(name)
    table[IGNORE_INDEX] = IGNORE_INDEX
    return Vocabulary(labels, table, len(stored), tuple(sorted(changes.ignored_ids)))


def _label_set(
    names: tuple[str, ...], named: Mapping[int, str], changes: LabelChanges, own: LabelSet | None
) -> LabelSet:
    if len(names) > MAX_CLASSES:
        raise DataError(f"{changes.path.parent} has {len(names)} classes; ignore or merge some in {changes.path}")
    colours: tuple[Colour, ...] = spaced_colours(len(names))
    mirrored: tuple[tuple[str, str], ...] = ()
    if own is not None:
        first = {name: number for number, name in reversed(list(named.items()))}
        colours = tuple(own.colours[first[name]] for name in names)
        pairs = [(changes.rename.get(a, a), changes.rename.get(b, b)) for a, b in own.mirrored]
        mirrored = tuple((a, b) for a, b in pairs if a in names and b in names and a != b)
    return LabelSet(changes.path.parent.name or "folder", names, colours, mirrored)


def _check_names(stored: Sequence[str], changes: LabelChanges) -> None:
    unknown = [name for name in (*sorted(changes.ignored_names), *changes.rename) if name not in stored]
    if unknown:
        raise DataError(
            f"{changes.path} speaks of {unknown[0]!r}, which the files do not have; they have: {', '.join(stored)}"
        )


def _is_name_or_id(value: Any) -> bool:
    return (isinstance(value, str) and bool(value)) or (type(value) is int and 0 <= value <= IGNORE_INDEX)
