"""Finding datasets by name: ``NAME`` or ``NAME:ARGUMENT``.

A module anywhere in `segdata`, or in another package that names it as an entry point of group ENTRY_POINTS, adds a
dataset by decorating a function with `dataset`; nothing else needs to be edited::

    @dataset("my-data", argument="PATH", splits=("train", "test"), summary="what it is")
    def open_my_data(request: Request) -> Dataset: ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType

from segdata.dataset import Dataset
from segdata.errors import DataError
from segdata.labels import LabelSet
from segdata.subset import FirstSamples


@dataclass(frozen=True)
class Request:
    """What was asked of `open_dataset`.

    Attributes:
        spec: the whole text, e.g. ``"lapa:/data/LaPa"``; the name a dataset carries.
        argument: the part after the first colon, ``""`` if there is none.
        split: one of the kind's splits.
        labels: the label set wanted, or None for the dataset's own.
        size: side in pixels for datasets that are drawn; files come at their own size.
        limit: how many samples are wanted, or None for all.
    """

    spec: str
    argument: str
    split: str
    labels: LabelSet | None
    size: int
    limit: int | None


Opener = Callable[[Request], Dataset]


@dataclass(frozen=True)
class DatasetKind:
    """A registered dataset: its name, what follows the colon (``"PATH"``, ``"[LABELS]"``), splits and opener."""

    name: str
    argument: str
    splits: tuple[str, ...]
    summary: str
    open: Opener

    @property
    def usage(self) -> str:
        """How the name is typed, e.g. ``"lapa:PATH"`` or ``"synthetic-faces[:LABELS]"``."""
        if not self.argument:
            return self.name
        optional = self.argument.startswith("[")
        return f"{self.name}[:{self.argument[1:]}" if optional else f"{self.name}:{self.argument}"


ENTRY_POINTS = "segport.datasets"
"""Other packages name their modules of decorated functions under this group of entry points."""

_kinds: dict[str, DatasetKind] = {}


def dataset(
    name: str, *, summary: str, argument: str = "", splits: tuple[str, ...] = ("train", "val", "test")
) -> Callable[[Opener], Opener]:
    """Register the decorated function as the way to open dataset `name`; `argument` in brackets is optional.

    Raises:
        DataError: if another function already has the name.
    """

    def register(opener: Opener) -> Opener:
        known = _kinds.get(name)
        if known is not None and (known.open.__module__, known.open.__qualname__) != (
            opener.__module__,
            opener.__qualname__,
        ):
            raise DataError(
                f"dataset {name!r} is registered by both {known.open.__module__} and {opener.__module__}; rename one"
            )
        _kinds[name] = DatasetKind(name, argument, splits, summary, opener)
        return opener

    return register


def dataset_kinds() -> Mapping[str, DatasetKind]:
    """All registered datasets by name, sorted; imports every module of `segdata` and every entry point to find them."""
    package = importlib.import_module("segdata")
    for module in pkgutil.walk_packages(package.__path__, "segdata."):
        importlib.import_module(module.name)
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()
    return MappingProxyType(dict(sorted(_kinds.items())))


def open_dataset(
    spec: str, split: str, labels: LabelSet | None = None, size: int = 256, limit: int | None = None
) -> Dataset:
    """Open a dataset by its spec.

    Args:
        spec: ``"synthetic-faces"``, ``"synthetic-faces:face19"``, ``"folder:PATH"``, ``"lapa:PATH"`` and so on.
        split: ``"train"``, ``"val"`` or ``"test"``, as far as the dataset has it.
        labels: the label set wanted; classes are matched by name. None for the dataset's own.
        size: side of the pictures of a drawn dataset; pictures from files keep their own size (see `segdata.resize`).
        limit: at most so many samples, from the start of the split.

    Raises:
        DataError: for an unknown name (listing the known ones), a missing argument, an unknown split, a limit below
            one, or whatever is wrong with the files.
    """
    name, colon, argument = spec.partition(":")
    kinds = dataset_kinds()
    kind = kinds.get(name)
    if kind is None:
        known = ", ".join(each.usage for each in kinds.values())
        raise DataError(f"there is no dataset {name!r}; choose one of: {known}")
    if kind.argument and not kind.argument.startswith("[") and not argument:
        raise DataError(f"dataset {name!r} needs to know where it is; write it as {kind.usage}")
    if colon and not kind.argument:
        raise DataError(f"dataset {name!r} takes nothing after its name; write just {name}")
    if split not in kind.splits:
        raise DataError(f"dataset {name!r} has no split {split!r}; choose one of: {', '.join(kind.splits)}")
    if limit is not None and limit < 1:
        raise DataError(f"a limit of {limit} samples leaves nothing; ask for at least one")
    opened = kind.open(Request(spec, argument, split, labels, size, limit))
    return opened if limit is None or len(opened) <= limit else FirstSamples(opened, limit)
