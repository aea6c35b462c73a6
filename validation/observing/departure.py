"""Where a Core ML package departs from its float reference: the noise after every operation, in program order.

Both packages run in `validation.milrun` on the same pictures. Packages converted from one network by one version of
coremltools keep their operations' names (a float16 program adds ``_cast_fp16``), so results are compared by name. The
examined package runs twice, as stored and with all arithmetic in float32: noise of the second run was put into the file
by the conversion (8-bit weights, damaged or wrong constants), the rest comes from rounding while computing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from validation.errors import ValidationError
from validation.milrun import Interpreter
from validation.runners.base.resizing import fit_picture

THRESHOLD_DB = 30.0
"""Noise of a thousandth of the signal's power, 3 % of its amplitude: above what float16 does to a sound network."""
CEILING_DB = 75.0
"""What one rounding to float16 leaves (28 x 2^20 for mantissas spread evenly over 1..2).

Better than this counts as this when losses are formed: else the first operation that is not exact would lose most.
"""
CAST_SUFFIX = "_cast_fp16"
PICTURE_MAXIMUM = 255.0

Picture = NDArray[np.uint8]


@dataclass
class Noise:
    """Power of a signal and of its error, pooled over pictures and over repetitions in a loop."""

    signal: float = 0.0
    error: float = 0.0
    finite: bool = True

    def add(self, reference: Any, value: Any) -> None:
        """Pool one pair of tensors or arrays of the same shape."""
        import torch

        expected, actual = torch.as_tensor(reference), torch.as_tensor(value)
        if not expected.is_floating_point():
            expected, actual = expected.double(), actual.double()
        # Both are float32 and near each other, so their difference is exact; only the sums need more.
        difference = actual - expected
        if not bool(torch.isfinite(difference).all()):
            # An infinity that the reference has as well is no departure.
            difference = torch.where(expected == actual, 0.0, difference)
            self.finite = self.finite and bool(torch.isfinite(difference).all())
            expected = torch.where(torch.isfinite(expected), expected, 0.0)
        self.signal += _power(expected)
        self.error += _power(difference) if self.finite else math.inf

    @property
    def sqnr_db(self) -> float:
        """Return 10 log10(signal power / error power).

        Inf if equal, -inf if values overflowed or the signal is zero.
        """
        if not self.finite:
            return -math.inf
        if self.error == 0.0:
            return math.inf
        return 10.0 * math.log10(self.signal / self.error) if self.signal > 0.0 else -math.inf


def _power(tensor: Any) -> float:
    """Sum of squares, added up in float64 without a float64 copy."""
    import torch

    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2


@dataclass(frozen=True)
class OperationNoise:
    """One operation of the examined package.

    Attributes:
        number: place in program order, from 1.
        name, kind: as the program has them.
        sqnr_db: signal-to-noise ratio of its result as stored, inherited noise included; inf for no difference, -inf
            for overflow, None if it was not compared.
        float32_db: the same with all arithmetic in float32.
        lost_db: how much lower `sqnr_db` is than that of its noisiest operand; None if not compared.
        note: why it was not compared, else empty.
    """

    number: int
    name: str
    kind: str
    sqnr_db: float | None
    float32_db: float | None
    lost_db: float | None
    note: str = ""


@dataclass(frozen=True)
class OutputNoise:
    """One output against a reference ("reference package", "torch").

    Attributes:
        same_class: fraction of pixels with the same class, for class scores and label maps; else None.
    """

    name: str
    against: str
    sqnr_db: float
    same_class: float | None


@dataclass(frozen=True)
class Departure:
    """What `compare_packages` found."""

    candidate: str
    reference: str
    pictures: int
    threshold_db: float
    operations: tuple[OperationNoise, ...]
    outputs: tuple[OutputNoise, ...] = field(default=())

    @property
    def first(self) -> OperationNoise | None:
        """Find the first operation in program order below the threshold; None if there is none."""
        below = (item for item in self.operations if item.sqnr_db is not None and item.sqnr_db < self.threshold_db)
        return next(below, None)

    @property
    def cause(self) -> Literal["rounding", "conversion"] | None:
        """Name the cause of the first departure.

        "rounding" if float32 arithmetic on the same file repairs it, else "conversion".
        """
        if self.first is None:
            return None
        repaired = self.first.float32_db is not None and self.first.float32_db >= self.threshold_db
        return "rounding" if repaired else "conversion"

    @property
    def largest_loss(self) -> OperationNoise | None:
        """Find the operation that adds most noise of its own; None if nothing was compared."""
        return max(
            (item for item in self.operations if item.lost_db is not None),
            key=lambda item: item.lost_db or 0.0,
            default=None,
        )


def compare_packages(
    candidate: Path,
    reference: Path,
    pictures: Sequence[Picture],
    pixel_maximum: float = 1.0,
    threshold_db: float = THRESHOLD_DB,
) -> Departure:
    """Run both packages on `pictures` and compare the result of every operation.

    Args:
        candidate: the package to examine.
        reference: a package of the same network in float32; it runs in float32 whatever it declares.
        pictures: uint8 RGB (H, W, 3), fitted to each package's input.
        pixel_maximum: what white becomes at an array input (1.0 or 255.0); picture inputs need none.
        threshold_db: see `Departure.first`.

    Raises:
        ValidationError: no pictures, an input that takes no picture, or no operation in common.
        MilRunError: a package cannot be read or executed.
    """
    if not pictures:
        raise ValidationError("a comparison needs at least one picture; ask for one or more")
    exact = Interpreter(reference, precision="float32")
    stored = _Recorder(Interpreter(candidate))
    widened = _Recorder(Interpreter(candidate, precision="float32"))
    outputs: dict[str, _Agreement] = defaultdict(_Agreement)
    for picture in pictures:
        expected: dict[str, list[Any]] = defaultdict(list)
        answers = exact.predict(given(exact, picture, pixel_maximum), observe=_keep(expected))
        actual = stored.run(given(stored.model, picture, pixel_maximum), expected)
        widened.run(given(widened.model, picture, pixel_maximum), expected)
        for name in answers.keys() & actual.keys():
            outputs[name].add(answers[name], actual[name])
    operations = _operations(stored, widened)
    if all(item.sqnr_db is None for item in operations):
        raise ValidationError(
            f"{candidate} and {reference} have no operation of the same name and shape; give a float32 package "
            "converted from the same network, or the network itself"
        )
    found = tuple(item.result(name, "reference package") for name, item in sorted(outputs.items()))
    return Departure(str(candidate), str(reference), len(pictures), threshold_db, operations, found)


def compare_output(name: str, against: str, expected: Sequence[Any], actual: Sequence[Any]) -> OutputNoise:
    """Compare one output with another reference, picture by picture.

    Raises ValidationError for arrays of different shapes.
    """
    agreement = _Agreement()
    for first, second in zip(expected, actual, strict=True):
        agreement.add(first, second)
    return agreement.result(name, against)


def given(model: Interpreter, picture: Picture, pixel_maximum: float) -> dict[str, NDArray[Any]]:
    """Return `picture` as the model's only input: a picture, or an array (1, channels, H, W).


    Raises:
        ValidationError: the model takes something else.
    """
    (feature, *more) = model.inputs or (None,)
    if feature is None or more or feature.shape is None:
        raise ValidationError(f"{model.path} does not take one picture of a fixed size; only such models are compared")
    if feature.kind == "image":
        fitted = fit_picture(picture, *feature.shape[:2])
        return {feature.name: fitted if feature.color in ("rgb", "bgr") else fitted.mean(axis=2).astype(np.uint8)}
    if feature.kind != "array" or len(feature.shape) != 4 or feature.shape[:2] != (1, picture.shape[2]):
        raise ValidationError(
            f"input {feature.name!r} of {model.path} takes {feature.shape}, not a picture (1, {picture.shape[2]}, h, w)"
        )
    fitted = fit_picture(picture, *feature.shape[2:])
    scaled = fitted.astype(np.float32) * np.float32(pixel_maximum / PICTURE_MAXIMUM)
    return {feature.name: np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])}


def base_name(name: str) -> str:
    """Return the name that an operation has in every precision."""
    return name.removesuffix(CAST_SUFFIX)


def _keep(results: dict[str, list[Any]]) -> Any:
    def observe(name: str, kind: str, values: dict[str, Any]) -> None:
        # A loop repeats its operations; casts are bookkeeping of one precision and have no counterpart.
        if kind != "cast":
            results[base_name(name)].append(tuple(values.values()))

    return observe


class _Recorder:
    """Runs the examined package at one precision and pools the noise of every operation."""

    def __init__(self, model: Interpreter) -> None:
        self.model = model
        self.noise: dict[str, Noise] = {}
        self.kinds: dict[str, str] = {}
        self.outputs: dict[str, tuple[str, ...]] = {}
        self.notes: dict[str, str] = {}

    def run(self, inputs: dict[str, Any], expected: dict[str, list[Any]]) -> dict[str, Any]:
        """Predict and compare with what the reference had."""
        seen: dict[str, int] = defaultdict(int)

        def observe(name: str, kind: str, values: dict[str, Any]) -> None:
            self.kinds[name], self.outputs[name] = kind, tuple(values)
            base = base_name(name)
            turn = seen[base]
            seen[base] += 1
            theirs = expected.get(base, []) if kind != "cast" else []
            self.notes[name] = self._compare(name, theirs[turn] if turn < len(theirs) else None, tuple(values.values()))

        return self.model.predict(inputs, observe=observe)

    def _compare(self, name: str, expected: tuple[Any, ...] | None, values: tuple[Any, ...]) -> str:
        if expected is None or len(expected) != len(values):
            return "not in the reference"
        pairs = [pair for pair in zip(expected, values, strict=True) if _is_float(pair[0]) and _is_float(pair[1])]
        if not pairs:
            return "no floating-point result"
        if any(first.shape != second.shape for first, second in pairs):
            return "another shape in the reference"
        for first, second in pairs:
            self.noise.setdefault(name, Noise()).add(first, second)
        return ""


def _is_float(value: Any) -> bool:
    return getattr(value, "is_floating_point", None) is not None and bool(value.is_floating_point())


def _operations(stored: _Recorder, widened: _Recorder) -> tuple[OperationNoise, ...]:
    """In program order, with each operation's loss against its noisiest operand."""
    carried: dict[str, float] = {}
    found = []
    for number, (name, kind) in enumerate(stored.kinds.items(), start=1):
        operands = stored.model.operands.get(name, ())
        before = min((carried[value] for value in operands if value in carried), default=CEILING_DB)
        own = stored.noise[name].sqnr_db if name in stored.noise else None
        after = before if own is None else max(min(own, CEILING_DB), -CEILING_DB)
        carried.update(dict.fromkeys(stored.outputs[name], after))
        wide = widened.noise[name].sqnr_db if name in widened.noise else None
        lost = None if own is None else before - after
        found.append(OperationNoise(number, name, kind, own, wide, lost, stored.notes[name]))
    return tuple(found)


@dataclass
class _Agreement:
    """Pooled noise of an output, and pixels of the same class."""

    noise: Noise = field(default_factory=Noise)
    same: int = 0
    pixels: int = 0

    def add(self, expected: Any, actual: Any) -> None:
        """Pool one pair of arrays; raises ValidationError for different shapes, which are no answers of one network."""
        first, second = np.asarray(expected), np.asarray(actual)
        if first.shape != second.shape:
            raise ValidationError(
                f"the package answers {second.shape} where its reference answers {first.shape}; give the network it "
                "was converted from"
            )
        if first.dtype.kind not in "fiu":
            return
        self.noise.add(first, second)
        if first.ndim == 4 and first.shape[1] > 1:
            first, second = first.argmax(axis=1), second.argmax(axis=1)
        if first.ndim == 3:
            self.same += int((first == second).sum())
            self.pixels += first.size

    def result(self, name: str, against: str) -> OutputNoise:
        return OutputNoise(name, against, self.noise.sqnr_db, self.same / self.pixels if self.pixels else None)
