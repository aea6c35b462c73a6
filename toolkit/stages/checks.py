"""Run the checks of a run: gather what they look at, and tell of those that fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, MissingToolError, ModelSource, SourceError
from converters.formats.tflite.file.edges import read_ends
from quantization import recipe
from toolkit.document.shape import CheckEntry
from toolkit.stages.context import Context, fitting
from toolkit.stages.runtimes import guarded
from validation.runners import runners
from validation.runners.base.torch_threads import TorchThreads

if TYPE_CHECKING:
    from converters.formats.tflite.file.edges import Ends
    from validation.checks.base.contract import CheckResult
    from validation.checks.base.evidence import ArtifactEvidence, Edge, Expectations, MakeRunner, Network

PICTURES = 2
"""Shown to each artifact, the first of them twice."""
REFERENCE_KERNELS_LIMIT = 20_000_000
"""Multiply-adds up to which the reference kernels are asked without being named: about a second a picture."""


def run_checks(context: Context) -> list[CheckEntry]:
    """Give the report's `checks`: those of the run, then those of each artifact at its default output size.

    Raises:
        DataError: a picture cannot be read.
    """
    from validation.checks import check_artifact, check_run
    from validation.checks.base.evidence import RunEvidence

    source, dataset, progress = context.source, context.dataset, context.progress
    calibration = context.manifest.get("calibration") or {}
    calibrated = tuple(artifact.name for artifact in context.artifacts if _recipe(artifact).needs_calibration)
    results: list[CheckResult] = []
    with progress.stage("checks", len(context.artifacts) + 1) as stage:
        results += check_run(RunEvidence(dataset, source.input_size, calibration.get("pictures"), calibrated))
        stage.advance()
        expectations = _expectations(context)
        for artifact in context.artifacts:
            evidence = _gathered(context, artifact, expectations)
            if evidence is not None:
                results += check_artifact(evidence)
            stage.advance()
    for failed in (item for item in results if item.status == "fail"):
        progress.note(f"     check {failed.name} failed: {failed.message}")
    return [CheckEntry.model_validate(item.to_json()) for item in results]


def _gathered(context: Context, artifact: Artifact, expectations: Expectations) -> ArtifactEvidence | None:
    """Gather what checks look at; None if no chosen runtime here takes the artifact."""
    from validation.checks.base.evidence import ArtifactEvidence

    usable = [item for item in fitting(context.runtimes, artifact) if item.usable]
    # Reference kernels come first only where nothing else was asked for.
    usable.sort(key=lambda item: item.runner.images_limit(item.backend) is not None)
    if not usable:
        return None
    ends = _ends(artifact)
    others, unavailable = _others(context, artifact, usable[0].title, ends)
    return ArtifactEvidence(
        artifact=artifact,
        runner=partial(usable[0].runner, artifact, usable[0].backend, context.options.threads),
        expectations=expectations,
        lossless=_lossless(artifact),
        others=others,
        unavailable=unavailable,
        input_edge=_edge(ends and ends.input),
        output_edge=_edge(ends and ends.output),
    )


def tensor_path(source: ModelSource, threads: int) -> Network:
    """Ask the float network on tensors alone, without any runner."""
    if source.module is not None:
        return _torch_network(source.module, threads)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(source.onnx_path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def ask(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = session.run(None, {name: tensor})[0]
        return answer

    return ask


def _torch_network(module: Any, threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    import torch

    def ask(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with TorchThreads(threads), torch.inference_mode():
            answer: NDArray[np.float32] = module(torch.from_numpy(tensor)).numpy()
        return answer

    return ask


def _expectations(context: Context) -> Expectations:
    from validation.accuracy.result import spread
    from validation.checks.base.evidence import Expectations

    source, dataset = context.source, context.dataset
    pictures = tuple(dataset[index].image for index in spread(len(dataset), PICTURES))
    network = tensor_path(source.at(source.output_size), context.options.threads)
    return Expectations(network, pictures, source.input_size, source.pixel_range, source.classes)


def _others(
    context: Context, artifact: Artifact, title: str, ends: Ends | None
) -> tuple[dict[str, MakeRunner], dict[str, str]]:
    """Find every other runtime and backend of the artifact's format by title, and why some are not asked."""
    asked = {item.title for item in context.runtimes}
    others: dict[str, MakeRunner] = {}
    unavailable: dict[str, str] = {}
    for runner in (item for item in runners().values() if artifact.format in item.formats):
        for backend in runner.backends:
            other = f"{runner.name} ({backend})"
            available = runner.availability(backend)
            unasked = other not in asked and not (runner.default or runner.in_default_set())
            slow = runner.images_limit(backend) is not None and other not in asked
            work = 0 if ends is None else ends.multiply_adds
            if other == title:
                continue
            if not available.ok:
                unavailable[other] = available.reason
            elif unasked:
                unavailable[other] = f"it is asked only where it is named: --runners {runner.name}:{backend}"
            elif artifact.needs_choice and not runner.chooses_signatures:
                unavailable[other] = "it runs only the default output size of a file with several"
            elif slow and work > REFERENCE_KERNELS_LIMIT:
                unavailable[other] = (
                    f"too slow for {work / 1e6:,.0f} million multiply-adds unless it is named: --runners"
                    f" {runner.name}:{backend}"
                )
            else:
                others[other] = partial(guarded(runner, context.options), artifact, backend, context.options.threads)
    return others, unavailable


def _recipe(artifact: Artifact) -> Any:
    return recipe(artifact.recipe)


def _lossless(artifact: Artifact) -> bool:
    found = _recipe(artifact)
    return not (found.weights.is_integer or found.activations.is_integer or found.palette or found.sparsity)


def _ends(artifact: Artifact) -> Ends | None:
    """Read both ends of a TFLite file.

    None for other formats, and for files that cannot be read: their own runs say why.
    """
    if artifact.format != "tflite":
        return None

    try:
        return read_ends(artifact.path, artifact.signature)
    except (SourceError, MissingToolError):
        return None


def _edge(end: Any) -> Edge | None:
    from validation.checks.base.evidence import Edge

    return None if end is None else Edge(end.dtype, end.quantization, end.declared)
