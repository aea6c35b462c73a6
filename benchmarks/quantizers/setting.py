"""What every quantizer is given: the network, the calibration pictures, the float graphs made once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from converters import (
    Artifact,
    ImageInput,
    Job,
    Layout,
    MapOutput,
    ModelSource,
    OutputKind,
    content_hash,
    content_size,
    make_plan,
)
from quantization import Recipe, recipe
from quantization.calibration import CalibrationSet
from toolkit.options import RunOptions


@dataclass(frozen=True)
class Setting:
    """Args: the options of segport's plain int8 run, and a folder where everything is kept."""

    options: RunOptions
    work: Path

    @cached_property
    def source(self) -> ModelSource:
        """Load the network."""
        from toolkit.models import load_source

        return load_source(self.options)

    @cached_property
    def calibration(self) -> CalibrationSet:
        """Return the pictures that segport's plain run calibrates with; others get the same."""
        return self.calibrated("random")

    def calibrated(self, choice: Literal["random", "balanced"]) -> CalibrationSet:
        """Training pictures by one way of choosing them."""
        from toolkit.stages.picture_sets import calibration_set

        return calibration_set(changed(self.options, calibration_choice=choice), self.source, lambda: None)

    @cached_property
    def pictures(self) -> NDArray[np.float32]:
        """Return the same pictures as float32 (N, H, W, 3), as the network takes them."""
        return np.concatenate(self.calibration.tensors(unit_range=self.options.pixel_range == "unit"))

    @cached_property
    def graphs(self) -> Path:
        """Folder of the float graphs."""
        folder = self.work / "float"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def float_tflite(self) -> Path:
        """Return the float32 .tflite that segport quantizes."""
        from converters.formats.tflite.float_file.float_graph import float_graph

        return float_graph(self.job(recipe("float32"), self.graphs / "unused.tflite")).path

    def job(self, wanted: Recipe, destination: Path, calibration: CalibrationSet | None = None) -> Job:
        """Describe a TFLite file with the numbers of `wanted`, made from the torch network."""
        digest = None if calibration is None else calibration.digest()
        plan = make_plan(self.source, [("tflite", wanted)], routes={"tflite": "litert-torch"}, calibration=digest)
        return Job(self.source, plan.conversions[0], destination, self.graphs, calibration)

    def float_onnx(self) -> Path:
        """Return the float32 ONNX graph that answers with logits."""
        from converters.formats.onnx import logits_graph

        return logits_graph(self.source, self.graphs)


def tflite_artifact(name: str, path: Path, source: ModelSource) -> Artifact:
    """Describe another tool's .tflite as an artifact that segport's runners open.


    Raises ConversionError for another interface.
    """
    from converters.formats.tflite.file.readback import read_back

    written = read_back(path, source, OutputKind.LOGITS)
    return _artifact(name, "tflite", path, source, written.image, written.output)


def onnx_artifact(name: str, path: Path, source: ModelSource) -> Artifact:
    """Describe an ONNX file with the float graph's interface as an artifact."""
    image = ImageInput("image", *source.input_size, source.pixel_range, Layout.NCHW)
    answer = MapOutput("logits", *source.output_size, len(source.classes), OutputKind.LOGITS, Layout.NCHW)
    return _artifact(name, "onnx", path, source, image, answer)


def _artifact(name: str, form: str, path: Path, source: ModelSource, image: ImageInput, output: MapOutput) -> Artifact:
    return Artifact(
        name=name,
        format=form,
        recipe=name,
        path=path,
        sha256=content_hash(path),
        size_bytes=content_size(path),
        key=name,
        image=image,
        output=output,
        classes=source.classes,
    )


def changed(options: RunOptions, **changes: Any) -> RunOptions:
    """Return the options with some of them other."""
    return options.model_copy(update=changes)


def renamed(artifact: Artifact, name: str) -> Artifact:
    """Return the same file under the name of a competitor."""
    return dataclasses.replace(artifact, name=name)
