"""Bring pictures and masks together by their names: equal ones, or equal but for a word that all masks or all pictures
carry."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from segdata.generic.places.layouts import Place
from segdata.generic.places.words import IMAGE_WORDS, MASK_WORDS, Rename, without
from segdata.image_files import BAND_SUFFIX, IMAGE_SUFFIXES
from segdata.paired import Pair, by_stem, files_by_stem, pair_up

MASK_SUFFIXES = (".png", *(suffix for suffix in IMAGE_SUFFIXES if suffix != ".png"))
"""What masks may be; of two files of one name the PNG is the mask, since the other may be a preview."""

Files = Mapping[str, Path]


def partners(place: Place) -> tuple[list[Pair], str]:
    """Pairs of a place in the order of their names, and words for how masks are named where not as their pictures.

    Raises:
        DataError: naming the files, if there are none, two share a name, or some lack a partner.
    """
    images, masks = _side_by_side(place.images) if place.images == place.masks else _apart(place)
    if place.names is not None:
        images = {stem: path for stem, path in images.items() if place.names & {stem, path.name}}
    pictures, labels = _matching(images, masks)
    if place.names is not None:
        labels = {stem: path for stem, path in labels.items() if stem in pictures}
    hint = _hint(pictures, labels, place)
    pairs = pair_up(pictures, labels, str(place.images), str(place.masks), hint)
    example = next((pair for pair in pairs if _stem(pair.image).casefold() != _stem(pair.mask).casefold()), None)
    return pairs, f", {example.mask.name} for {example.image.name}" if example else ""


def _apart(place: Place) -> tuple[dict[str, Path], dict[str, Path]]:
    images = files_by_stem(place.images, (*IMAGE_SUFFIXES, BAND_SUFFIX))
    pngs = files_by_stem(place.masks, MASK_SUFFIXES[:1])
    others = [path for path in place.masks.iterdir() if path.suffix.lower() in MASK_SUFFIXES[1:]]
    beside = [path for path in others if unicodedata.normalize("NFC", path.stem) not in pngs]
    return images, dict(sorted({**pngs, **by_stem(beside)}.items()))


def _side_by_side(home: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Pictures and masks of one folder: masks carry a word for it, or are the PNG files among JPEGs."""
    files = [path for path in sorted(home.iterdir()) if path.suffix.lower() in (*IMAGE_SUFFIXES, BAND_SUFFIX)]
    files = [path for path in files if path.is_file()]
    named = without(MASK_WORDS, apart=True)
    masks = [path for path in files if named(_stem(path)) is not None]
    if not masks:
        masks = [path for path in files if path.suffix.lower() == ".png"]
    return by_stem([path for path in files if path not in masks]), by_stem(masks)


def _matching(images: Files, masks: Files) -> tuple[dict[str, Path], dict[str, Path]]:
    """Pictures and masks under names that are equal for both, by the first way that serves all, else the one that
    serves most."""
    best: tuple[dict[str, Path], dict[str, Path]] = dict(images), dict(masks)
    for pictures, labels in _ways(images, masks):
        if pictures.keys() == labels.keys():
            return pictures, labels
        if len(pictures.keys() & labels.keys()) > len(best[0].keys() & best[1].keys()):
            best = pictures, labels
    return best


def _ways(images: Files, masks: Files) -> Iterator[tuple[dict[str, Path], dict[str, Path]]]:
    yield dict(images), dict(masks)
    of_images = [found for words in (None, IMAGE_WORDS) if (found := _renamed(images, words)) is not None]
    of_masks = [found for words in (None, MASK_WORDS) if (found := _renamed(masks, words)) is not None]
    for pictures in of_images:
        for labels in of_masks:
            yield pictures, labels
    for pictures in of_images:
        for rename in _affixes(pictures, masks):
            cut = _all_by(masks, rename)
            if cut is not None:
                yield pictures, cut


def _renamed(files: Files, words: str | None) -> dict[str, Path] | None:
    """Files by their names in small letters, without a word for what they are if all carry one; None if they do not."""
    return _all_by(files, str.casefold if words is None else without(words))


def _all_by(files: Files, rename: Rename) -> dict[str, Path] | None:
    found: dict[str, Path] = {}
    for stem, path in files.items():
        name = rename(stem)
        if name is None or name in found:
            return None
        found[name] = path
    return found


def _affixes(images: Files, masks: Files) -> Iterator[Rename]:
    """What stands before or behind the name of a picture in the first mask, to be taken off all."""
    first = next(iter(masks), "").casefold()
    for name in sorted(images, key=len, reverse=True):
        small = name.casefold()
        if len(masks) < 2 or len(small) == len(first):
            continue
        if first.startswith(small):
            yield partial(_cut, end=first[len(small) :])
        if first.endswith(small):
            yield partial(_cut, start=first[: -len(small)])


def _cut(stem: str, start: str = "", end: str = "") -> str | None:
    small = stem.casefold()
    if not (small.startswith(start) and small.endswith(end)) or len(small) <= len(start) + len(end):
        return None
    return small.removeprefix(start).removesuffix(end)


def _hint(pictures: Files, labels: Files, place: Place) -> str:
    """The file of another type that may be the missing partner."""
    lonely = [(stem, place.masks) for stem in pictures if stem not in labels]
    lonely += [(stem, place.images) for stem in labels if stem not in pictures]
    for stem, folder in lonely[:1]:
        for path in sorted(folder.iterdir()):
            if (
                path.is_file()
                and _stem(path).casefold().startswith(stem.casefold())
                and path.suffix.lower() not in MASK_SUFFIXES
            ):
                return f" ({path.name} there is of a type that is not read; read are {', '.join(MASK_SUFFIXES)})"
    return ""


def _stem(path: Path) -> str:
    return unicodedata.normalize("NFC", path.stem)
