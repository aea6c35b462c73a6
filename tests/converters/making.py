"""Converting the small network with every recipe of a format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from converters import Artifact, Job, ModelSource, OutputKind, PixelRange, make_plan
from converters.conversion.perform import Outcome, perform
from converters.formats.tflite.torch_forms.rewrites import Rewriting
from quantization import Recipe, recipe, recipes
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small

Made = Callable[..., dict[str, Artifact]]
"""Function: all artifacts of one format by recipe name, for an output kind, a route and a pixel range."""


def convert_all(
    source: ModelSource, format_name: str, output: OutputKind, route: str | None, folder: Path
) -> list[Outcome]:
    pictures = small.calibration()
    wanted = [(format_name, item) for item in recipes().values() if format_name in item.formats]
    plan = make_plan(
        source,
        wanted,
        output=output,
        routes={} if route is None else {format_name: route},
        calibration=pictures.digest(),
    )
    return perform(plan, folder, pictures)


def job_of(
    source: ModelSource,
    folder: Path,
    wanted: str | Recipe = "float32",
    pictures: CalibrationSet | None = None,
    output: OutputKind = OutputKind.LOGITS,
    *,
    format_name: str = "tflite",
) -> Job:
    """The job of one conversion by the source's usual route, with `folder` for its workspace and its artifact."""
    item = recipe(wanted) if isinstance(wanted, str) else wanted
    plan = make_plan(source, [(format_name, item)], output=output, calibration=pictures and pictures.digest())
    (conversion,) = plan.conversions
    return Job(source, conversion, folder / f"{conversion.name}.{format_name}", folder, pictures)


def artifact_of(outcome: Outcome) -> Artifact:
    assert outcome.error is None, outcome.error
    assert outcome.artifact is not None
    return outcome.artifact


def bare_source(
    module: nn.Module, input_size: tuple[int, int], output_size: tuple[int, int], classes: int
) -> ModelSource:
    """Any module as a source, with classes and colours that mean nothing."""
    return ModelSource(
        name=type(module).__name__.lower(),
        classes=tuple(f"class_{index}" for index in range(classes)),
        colours=tuple((index, index, index) for index in range(classes)),
        input_size=input_size,
        output_size=output_size,
        pixel_range=PixelRange.UNIT,
        parameters=sum(item.numel() for item in module.parameters()),
        weights_sha256="0" * 64,
        origin="tests",
        module=module,
    )


def rewritten(network: nn.Module) -> Callable[[torch.Tensor], Any]:
    """`network` as litert-torch gets to see it."""

    def answer(image: torch.Tensor) -> Any:
        with Rewriting():
            return network(image)

    return answer
