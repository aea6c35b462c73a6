"""What checks look at: an artifact's answers to a few pictures, and what the float network answers to the same.

The network is asked over the tensor path: picture -> float tensor -> network, written apart from the picture path that
runners use (`fit_picture`, `native_input`), so that a mistake in either shows as a difference between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, OutputKind, PixelRange, Quantization
from segdata import Dataset
from validation.errors import RunnerError
from validation.runners.base.contract import Runner
from validation.runners.base.resizing import fit_picture
from validation.runners.base.values import label_map

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]
"""Pixels as real numbers on the scale 0..255, float32 (H, W, 3) RGB; nothing is rounded or clipped."""
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""The float network alone: float32 (1, 3, H, W) in its own pixel range -> float32 logits (1, C, h, w)."""
Answer = NDArray[np.float32] | NDArray[np.uint8]
"""Logits (h, w, C) or a label map (h, w), as `Runner.predict` gives them."""
MakeRunner = Callable[[], Runner]
"""A runner of the artifact, not open."""


@dataclass(frozen=True)
class Edge:
    """The numbers that real values become where they enter or leave a file's integer part.

    Attributes:
        dtype: ``"int8"``, ``"uint8"``, ``"int16"``.
        quantization: how they map to real values.
        declared: True if the file's own input or output has this type; False behind a quantize operation.
    """

    dtype: str
    quantization: Quantization
    declared: bool

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest real value that can be told apart from its neighbours."""
        info = np.iinfo(self.dtype)
        scale, zero = self.quantization.scale, self.quantization.zero_point
        return (int(info.min) - zero) * scale, (int(info.max) - zero) * scale


@dataclass(frozen=True, eq=False)
class Expectations:
    """The float network's answers to the pictures that checks use, made as they are asked for.

    Attributes:
        network: the float network.
        pictures: uint8 RGB, each of its own size.
        input_size: (height, width) it takes.
        pixel_range: scale of the values it takes.
        classes: its class names in the order of its channels.
    """

    network: Network
    pictures: tuple[Picture, ...]
    input_size: tuple[int, int]
    pixel_range: PixelRange
    classes: tuple[str, ...]
    _known: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def answer(self, number: int, name: str, prepare: Callable[[Picture, tuple[int, int]], Values]) -> Values:
        """Logits (h, w, C) for picture `number` brought to the network by `prepare`, which `name` tells apart."""
        key = (name, number)
        if key not in self._known:
            values = prepare(self.pictures[number], self.input_size)
            scaled = values * np.float32(self.pixel_range.scale / 255)
            answer = self.network(np.ascontiguousarray(scaled.transpose(2, 0, 1)[np.newaxis]))
            self._known[key] = np.ascontiguousarray(answer[0].transpose(1, 2, 0))
        return self._known[key]


@dataclass(frozen=True, eq=False)
class Shown:
    """An artifact's answers: one a picture, and the first picture's again after all others."""

    answers: tuple[Answer, ...]
    again: Answer


@dataclass(frozen=True, eq=False)
class ArtifactEvidence:
    """Everything there is to know of one artifact.

    Attributes:
        artifact: the file and what it claims.
        runner: makes the runner it is shown pictures in.
        expectations: the float network's answers.
        lossless: True if its numbers are floats throughout, so that its answers must be the network's.
        others: further runtimes of the same format, by title.
        unavailable: runtimes that cannot be used, by title, and why.
        input_edge, output_edge: integers at its ends; None where they are floats or cannot be read.
        fit: brings a picture to the input size, as the runs do.
    """

    artifact: Artifact
    runner: MakeRunner
    expectations: Expectations
    lossless: bool
    others: Mapping[str, MakeRunner] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    input_edge: Edge | None = None
    output_edge: Edge | None = None
    fit: Callable[[Picture, int, int], Picture] = fit_picture

    @property
    def answers_logits(self) -> bool:
        return self.artifact.output.kind is OutputKind.LOGITS

    def fitted(self, number: int) -> Picture:
        """Picture `number` at the artifact's input size."""
        return self.fit(self.expectations.pictures[number], self.artifact.image.height, self.artifact.image.width)

    @property
    def shown(self) -> Shown:
        """Return its answers, made once; raises RunnerError if the runtime refuses or fails."""
        if isinstance(self._shown, RunnerError):
            raise self._shown
        return self._shown

    @cached_property
    def _shown(self) -> Shown | RunnerError:
        numbers = range(len(self.expectations.pictures))
        try:
            with self.runner() as runner:
                answers = tuple(runner.predict(self.fitted(number)).copy() for number in numbers)
                self._check_classes(answers)
                return Shown(answers, runner.predict(self.fitted(0)).copy())
        except RunnerError as error:
            return error

    def _check_classes(self, answers: tuple[Answer, ...]) -> None:
        wanted = len(self.expectations.classes)
        if answers[0].ndim == 3 and answers[0].shape[2] != wanted:
            raise RunnerError(
                f"{self.artifact.name} answers with {answers[0].shape[2]} classes where the network has {wanted}"
            )

    def labels_in(self, make: MakeRunner, count: int) -> list[NDArray[np.uint8]]:
        """Label maps of the first `count` pictures in another runtime; raises RunnerError."""
        with make() as runner:
            return [label_map(runner.predict(self.fitted(number))) for number in range(count)]


@dataclass(frozen=True, eq=False)
class RunEvidence:
    """What is known of a run as a whole.

    Attributes:
        dataset: the pictures that judge.
        input_size: (height, width) they are brought to.
        calibration: digests (`picture_digest`) of the pictures that fixed integer ranges, by sample id; None if they
            were not recorded.
        calibrated: names of the artifacts made with them.
    """

    dataset: Dataset
    input_size: tuple[int, int]
    calibration: Mapping[str, str] | None
    calibrated: tuple[str, ...]
