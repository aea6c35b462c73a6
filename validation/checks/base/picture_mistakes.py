"""The mistakes people make on the way from a picture to a network and back, as functions, and which of them explains
an answer.

An answer that is not the network's own is held against what the network would answer if a picture had been prepared
wrongly (or its own answer had been read wrongly): the mistake that explains it far better than "no mistake" is the
one that was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.checks.base.evidence import Answer, Picture, Values
from validation.runners.base.values import label_map

GRID = 64
"""Answers are compared at up to this many rows and columns, spread evenly: enough to tell mistakes apart."""
CLOSE = 3e-4
"""Error power over signal power (35 dB) below which logits are the network's own and nothing needs explaining."""
FAR = 1e-2
"""The same (20 dB) above which floats do not explain a difference."""
EXPLAINS = 0.5
"""A mistake explains an answer if it leaves at most this share of the error ..."""
PLAUSIBLE = 0.25
"""... and at most this error (6 dB): less like the answer, it is no explanation but chance."""

Size = tuple[int, int]
Prepare = Callable[[Picture, Size], Values]


def resized(picture: Picture, size: Size, mode: str = "bilinear", antialias: bool = True) -> Values:
    """Resize to float32 (h, w, C) on the scale 0..255 through torch, apart from the picture path's own resizing."""
    values: Values = picture.astype(np.float32)
    if picture.shape[:2] == size:
        return values
    import torch
    from torch.nn.functional import interpolate

    tensor = torch.from_numpy(values).permute(2, 0, 1)[None]
    options: dict[str, Any] = {} if mode == "nearest-exact" else {"align_corners": False, "antialias": antialias}
    found: Values = interpolate(tensor, size=size, mode=mode, **options)[0].permute(1, 2, 0).numpy()
    return np.clip(found, 0, 255)


@dataclass(frozen=True)
class Mistake:
    """One way to prepare a picture wrongly.

    Attributes:
        name: short, for facts and tests.
        words: completes "it answers as if ...".
        prepare: the picture as the network would then see it.
        square_only: makes sense only where height and width are equal.
        colours_only: makes sense only for red, green and blue.
    """

    name: str
    words: str
    prepare: Prepare
    square_only: bool = False
    colours_only: bool = False


def _changed(change: Callable[[Values], Values]) -> Prepare:
    return lambda picture, size: np.ascontiguousarray(change(resized(picture, size)))


def _normalised(mean: Iterable[float], deviation: Iterable[float]) -> Prepare:
    means, deviations = np.array(list(mean), np.float32), np.array(list(deviation), np.float32)
    return _changed(lambda values: (values / np.float32(255) - means) / deviations * np.float32(255))


def right(picture: Picture, size: Size) -> Values:
    """Prepare the picture as it should be prepared."""
    return resized(picture, size)


INPUT_MISTAKES = (
    Mistake(
        "swapped-channels",
        "red and blue were swapped (BGR for RGB)",
        _changed(lambda values: values[:, :, ::-1]),
        colours_only=True,
    ),
    Mistake(
        "normalised-twice-half",
        "pixels were normalised twice: (x - 0.5) / 0.5 before the network's own",
        _normalised((0.5,), (0.5,)),
    ),
    Mistake(
        "normalised-twice-imagenet",
        "pixels were normalised twice: ImageNet mean and deviation before the network's own",
        _normalised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        colours_only=True,
    ),
    Mistake("divided-twice", "pixels were divided by 255 twice", _changed(lambda values: values / np.float32(255))),
    Mistake("not-divided", "pixels were not divided by 255", _changed(lambda values: values * np.float32(255))),
    Mistake(
        "resized-nearest",
        "the picture was resized with nearest neighbours and not bilinearly",
        lambda picture, size: resized(picture, size, "nearest-exact"),
    ),
    Mistake(
        "resized-without-antialiasing",
        "the picture was resized bilinearly without antialiasing",
        lambda picture, size: resized(picture, size, antialias=False),
    ),
    Mistake(
        "resized-bicubic",
        "the picture was resized bicubically and not bilinearly",
        lambda picture, size: resized(picture, size, "bicubic"),
    ),
    Mistake(
        "nchw-as-nhwc",
        "the picture's memory were channels first (NCHW) where the file reads channels last (NHWC)",
        _changed(lambda values: values.transpose(2, 0, 1).reshape(values.shape)),
    ),
    Mistake(
        "nhwc-as-nchw",
        "the picture's memory were channels last (NHWC) where the file reads channels first (NCHW)",
        _changed(lambda values: values.reshape(values.shape[2], *values.shape[:2]).transpose(1, 2, 0)),
    ),
    Mistake("transposed", "rows and columns were swapped", _changed(lambda values: values.transpose(1, 0, 2)), True),
    Mistake("mirrored", "the picture was mirrored", _changed(lambda values: values[:, ::-1])),
    Mistake("upside-down", "the picture stood on its head", _changed(lambda values: values[::-1])),
)

ReadWrongly = Callable[[Values], Values]
OUTPUT_MISTAKES: dict[str, tuple[str, ReadWrongly]] = {
    "nchw-as-nhwc": (
        "the answer's axes are confused: channels first (NCHW) in memory, read as channels last (NHWC)",
        lambda logits: logits.transpose(2, 0, 1).reshape(logits.shape),
    ),
    "nhwc-as-nchw": (
        "the answer's axes are confused: channels last (NHWC) in memory, read as channels first (NCHW)",
        lambda logits: logits.reshape(logits.shape[2], *logits.shape[:2]).transpose(1, 2, 0),
    ),
    "transposed": ("rows and columns of the answer are swapped", lambda logits: logits.transpose(1, 0, 2)),
    "mirrored": ("the answer is mirrored", lambda logits: logits[:, ::-1]),
    "upside-down": ("the answer stands on its head", lambda logits: logits[::-1]),
}
"""By name: what is wrong, and the network's answer (h, w, C) as it is then read. A transposed one fits only squares."""


def sampled(answer: Answer) -> Answer:
    """Take the answer at up to GRID rows and columns."""
    rows, columns = (_spread(size) for size in answer.shape[:2])
    return answer[rows[:, np.newaxis], columns[np.newaxis, :]]


def _spread(size: int) -> NDArray[np.intp]:
    count = min(size, GRID)
    return ((2 * np.arange(count, dtype=np.intp) + 1) * size) // (2 * count)


def error(answers: Iterable[Answer], expected: Iterable[Values]) -> float:
    """Measure how far answers are from expected logits (h, w, C), compared at sampled places.


    Logits: power of the difference over the power of what varies in the expected ones. Label maps: twice the share of
    pixels with another class, so that both are about 0 for equal answers and 1 or more for unrelated ones.
    """
    wrong, signal = 0.0, 0.0
    for answer, wanted in zip(answers, expected, strict=True):
        mine, theirs = sampled(answer), sampled(wanted)
        if mine.ndim == 2:
            wrong += 2 * float((mine != label_map(np.asarray(theirs, np.float32))).mean())
            signal += 1.0
            continue
        exact = theirs.astype(np.float64)
        wrong += float(np.mean((mine - exact) ** 2))
        signal += float(np.mean((exact - exact.mean(axis=(0, 1))) ** 2))
    return wrong / signal if signal > 0 else (0.0 if wrong == 0 else np.inf)


@dataclass(frozen=True)
class Explanation:
    """How well "no mistake" and the best of the mistakes explain an answer, as `error`s.

    Below `least` nothing needs explaining.
    """

    own: float
    mistake: str | None
    left: float
    least: float

    @property
    def found(self) -> bool:
        """Tell whether a mistake was made: it explains what the network's own answer does not."""
        return self.mistake is not None and self.own > self.least and self.left < min(PLAUSIBLE, EXPLAINS * self.own)

    def facts(self) -> dict[str, Any]:
        """Decibels for the report; None where an answer is exact or the network's answer is flat."""
        return {
            "sqnr_db": decibels(self.own),
            "best_mistake": self.mistake,
            "sqnr_db_with_mistake": None if self.mistake is None else decibels(self.left),
        }


def explain(own: float, mistakes: Mapping[str, Callable[[], float]], *, logits: bool) -> Explanation:
    """Find the best of the mistakes, each a function that gives its error; none is asked where `own` is small already.


    Label maps (`logits` False) differ in whole pixels, a few of which any mistake may hit by chance: they must differ
    more.
    """
    least = CLOSE if logits else FAR
    if own < least or not mistakes:
        return Explanation(own, None, own, least)
    left = {name: ask() for name, ask in mistakes.items()}
    best = min(left, key=lambda name: left[name])
    return Explanation(own, best, left[best], least)


def decibels(ratio: float) -> float | None:
    """Signal over error in dB, from error over signal."""
    return None if ratio <= 0 or not np.isfinite(ratio) else round(-10 * float(np.log10(ratio)), 1)
