"""The Core ML converter: trace or export -> ML Program -> (8-bit activations) -> (smaller weights) -> metadata ->
.mlpackage -> read back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from converters.artifact import OutputKind, PixelRange
from converters.contract import Converter, Job, Part, Written
from converters.conversion.shared_failures import failing_once
from converters.errors import ConversionError, SourceError
from converters.formats.coreml.file.functions import DEPLOYMENT_TARGET as JOINED_TARGET
from converters.formats.coreml.file.functions import join_functions
from converters.formats.coreml.file.metadata import describe_model
from converters.formats.coreml.file.package import save_package
from converters.formats.coreml.file.readback import RGB, read_back
from converters.formats.coreml.quantizing.activations import with_integer_activations
from converters.formats.coreml.quantizing.compress import with_compressed_weights
from converters.formats.coreml.quantizing.keep import Keeper, keep_words, load_kept
from converters.formats.coreml.quantizing.observers import quantized_network
from converters.formats.coreml.shapes import check_every_shape, picture_shape, shape_words
from converters.formats.coreml.targets import deployment_target
from converters.formats.coreml.tool import coremltools, naming_operations
from converters.onnx_sources.torch_import import IMPORTED, TOOLS, imported
from converters.source import ModelSource
from quantization import ActivationRange, NumberType, Quantizer, Recipe

FROM_TORCH = "coremltools"
"""Starts from a trace."""
EXPORTED = "coremltools-export"
"""Starts from a program of torch.export."""


class CoreMLConverter(Converter):
    """Writes an ML Program: RGB picture ``image`` -> ``logits`` float32 (1, C, h, w) or ``labels`` int32 (1, h, w)."""

    format = "coreml"
    suffix = ".mlpackage"
    routes = (FROM_TORCH, EXPORTED, IMPORTED)
    keeps_operators = True
    joins = True
    several_inputs = True
    joined_facts: ClassVar[Mapping[str, str]] = {"deployment_target": JOINED_TARGET}

    def tools(self, route: str) -> tuple[str, ...]:
        return (*TOOLS, "coremltools") if route == IMPORTED else ("torch", "coremltools")

    def default_route(self, source: ModelSource) -> str:
        return FROM_TORCH if source.module is not None else IMPORTED

    def other_routes(self, source: ModelSource) -> tuple[str, ...]:
        return (EXPORTED,) if source.module is not None and not source.input_shapes else ()

    def check(self, source: ModelSource, route: str) -> None:
        if route == EXPORTED and source.input_shapes:
            raise SourceError(f"route {route!r} to Core ML takes pictures of one size; leave the route out")
        if (route == IMPORTED) != (source.module is None):
            kind = "a torch network" if source.module is not None else "an ONNX file"
            raise SourceError(f"route {route!r} to Core ML does not start from {kind}; leave the route out")

    def convert(self, job: Job) -> Written:
        job = dataclasses.replace(job, source=imported(job.source))
        source, conversion, recipe = job.source, job.conversion, job.recipe
        computed_in = _computed_in(recipe)
        if recipe.quantizer is Quantizer.TORCH:
            job.tell("calibrating the torch network and making the program")
            model = _quantized_in_torch(job, computed_in)
        else:
            job.tell("making the float program by coremltools")
            program = _float_program(job, computed_in)
            model, kept = program.load(), program.kept()
            if recipe.activation_range is ActivationRange.STATIC:
                model = with_integer_activations(model, program.package, job, kept)
            job.tell("compressing weights")
            model = with_compressed_weights(model, recipe, kept)
        describe_model(model, source, conversion)
        job.tell("saving the program and reading it back")
        save_package(model, job.destination)
        written = read_back(job.destination, source, job.output)
        facts = {"route": conversion.route, "deployment_target": deployment_target(recipe)}
        if conversion.keep:
            facts["kept"] = keep_words(conversion.keep)
        if source.input_shapes:
            facts["input shapes"] = shape_words(source)
        return Written(written.image, written.output, facts | written.provenance)

    def join(self, parts: Sequence[Part], destination: Path) -> None:
        join_functions({part.name: part.path for part in parts}, parts[0].name, destination)


def _computed_in(recipe: Recipe) -> NumberType:
    """The floating-point type of whatever is not an integer; raises ConversionError for what Core ML has not."""
    if recipe.activation_range is ActivationRange.DYNAMIC or NumberType.INT16 in (recipe.weights, recipe.activations):
        raise ConversionError(
            f"recipe {recipe.name!r} cannot be written for Core ML: its activations are floats, or 8 bits with fixed "
            f"ranges"
        )
    return NumberType.FLOAT16 if recipe.activations.is_integer else recipe.activations


@dataclass(frozen=True)
class _FloatProgram:
    """A float ML Program in the workspace, and which of its operators keep a type of their own."""

    package: Path

    @property
    def record(self) -> Path:
        return self.package.with_suffix(".kept.json")

    def load(self) -> Any:
        return coremltools().models.MLModel(str(self.package), skip_model_load=True)

    def kept(self) -> frozenset[str]:
        return load_kept(self.record)


def _float_program(job: Job, computed_in: NumberType) -> _FloatProgram:
    """Make the float ML Program, once per workspace, number type and deployment target."""
    conversion, workspace = job.conversion, job.workspace
    target = deployment_target(conversion.recipe)
    stem = f"{conversion.route}-{computed_in.value}-{target}-{conversion.output.value}"
    kept = _FloatProgram(workspace / f"{stem}.mlpackage")
    if kept.package.exists():
        return kept
    with failing_once(workspace / f"{stem}.failed"):
        keeper = Keeper(conversion.keep, computed_in)
        model = _program_of(job, job.source.module, _precision(keeper))
        keeper.check()
    keeper.save(kept.record)
    save_package(model, kept.package)
    return kept


def _quantized_in_torch(job: Job, computed_in: NumberType) -> Any:
    """Make the program of a network that was quantized before; its 8-bit weights and activations come along."""
    if job.conversion.keep:
        raise SourceError(
            f"recipe {job.recipe.name!r} places its numbers before there are operations, so none can be kept in "
            "floats; use recipe 'w8a8' with --keep"
        )
    network = quantized_network(job)
    # coremltools reshapes integers instead of floats, and thereby drops a change of scale that stands behind the
    # reshape.
    passes = coremltools().PassPipeline()
    passes.remove_passes({"common::int_op_canonicalization"})
    return _program_of(job, network, _precision(Keeper((), computed_in)), passes)


def _program_of(job: Job, network: Any, precision: Any, passes: Any | None = None) -> Any:
    """Make a coremltools MLModel of `network`, which takes and answers what the source does; None takes the usual
    passes.
    """
    ct = coremltools()
    source, conversion = job.source, job.conversion
    labels = job.output is OutputKind.LABELS
    graph = _graph(dataclasses.replace(job, source=dataclasses.replace(source, module=network)))
    with naming_operations():
        return ct.convert(
            graph,
            convert_to="mlprogram",
            inputs=[_picture(source)],
            outputs=[ct.TensorType(name=conversion.output.value, dtype=np.int32 if labels else np.float32)],
            compute_precision=precision,
            minimum_deployment_target=getattr(ct.target, deployment_target(conversion.recipe)),
            skip_model_load=True,
            pass_pipeline=passes,
        )


def _precision(keeper: Keeper) -> Any:
    ct = coremltools()
    if keeper.wanted:
        return ct.transform.FP16ComputePrecision(op_selector=keeper.in_float16)
    return {NumberType.FLOAT32: ct.precision.FLOAT32, NumberType.FLOAT16: ct.precision.FLOAT16}[keeper.computed_in]


def _graph(job: Job) -> Any:
    """Make what coremltools starts from: a trace, or a program of torch.export."""
    import torch

    from converters.formats.coreml.exported import exported
    from converters.formats.coreml.torch_forms.composing import composed
    from converters.torch_sources.heads import channels_first, example_image, torch_module
    from converters.torch_sources.shared_rewrites import plain_forms

    source = job.source
    module = channels_first(torch_module(source, "Core ML"), job.output)
    picture = example_image(source)
    with torch.no_grad(), plain_forms(module, picture), composed(module, picture):
        if job.conversion.route == EXPORTED:
            return exported(module, picture)
        traced = torch.jit.trace(module, picture)  # type: ignore[no-untyped-call]
    check_every_shape(source, module, traced)
    return traced


def _picture(source: ModelSource) -> Any:
    """An RGB picture input; Core ML hands over 0..255, which the program itself scales to what the network takes.

    Core ML has pictures of one and of three channels, and no grey one takes what a dataset stores: other numbers go
    in as a tensor.
    """
    ct = coremltools()
    if source.channels != RGB:
        return ct.TensorType(name="image", shape=picture_shape(source))
    return ct.ImageType(
        name="image",
        shape=picture_shape(source),
        scale=source.pixel_range.scale / PixelRange.BYTE.scale,
        color_layout=ct.colorlayout.RGB,
    )


CONVERTER = CoreMLConverter()
