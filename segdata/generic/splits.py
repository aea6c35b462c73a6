"""Tell which samples of somebody's data are train, val and test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from segdata.errors import DataError

SPLITS = ("train", "val", "test")
TRAIN_EVERY = 5
ALIASES = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
"""Other words for the splits, as datasets spell them."""

Item = TypeVar("Item")


def share_of(split: str, whole: Sequence[Item], root: Path) -> list[Item]:
    """Choose samples of data without splits: every fifth is ``train`` and the others are both ``val`` and ``test``.

    Raises:
        DataError: nothing is left to judge with.
    """
    chosen = [item for index, item in enumerate(whole) if (index % TRAIN_EVERY == 0) == (split == "train")]
    if not chosen:
        raise DataError(f"{root} has a single picture, which is kept for split 'train'; add at least one more")
    return chosen


def split_of(name: str) -> str | None:
    """Return the split that a file or folder name speaks of, e.g. ``"panoptic_val2017"`` of val; None if of none."""
    words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
    found = {ALIASES.get(word, word) for word in words} & set(SPLITS)
    return found.pop() if len(found) == 1 else None


def split_named(name: str) -> str | None:
    """Return the split whose name, in any of its spellings and with a year behind it, a folder has; None for other
    folders."""
    word = name.lower().strip("0123456789_- ")
    word = {"dev": "val", "development": "val", "evaluation": "val", "eval": "val"}.get(word, word)
    found = ALIASES.get(word, word)
    return found if found in SPLITS else None


def no_split(root: Path, split: str, there: Sequence[str]) -> DataError:
    """Return the sentence for a split that is missing."""
    judging = next((name for name in ("test", "val") if name in there), None)
    ask = f" (ask for it with --split {judging})" if judging and split != "train" else ""
    return DataError(f"{root} has no split {split!r}; it has: {', '.join(there)}{ask}")
