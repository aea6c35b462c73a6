"""Checks of a run: gathers what they look at, runs them, and folds failures into verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, ModelSource
from toolkit.options import RunOptions
from toolkit.progress import Progress
from toolkit.stages.runtimes import choose_runtimes, guarded

if TYPE_CHECKING:
    from converters.formats.tflite.file.edges import Ends
    from segdata import Dataset
    from validation.checks.base.contract import CheckResult
    from validation.checks.base.evidence import ArtifactEvidence, Edge, Expectations, MakeRunner, Network

PICTURES = 2
"""Shown to each artifact, the first of them twice."""
REFERENCE_KERNELS_LIMIT = 20_000_000
"""Multiply-adds up to which the reference kernels are asked without being named: about a second a picture."""


def run_checks(
    artifacts: Sequence[Artifact],
    source: ModelSource,
    dataset: Dataset,
    manifest: Mapping[str, Any],
    options: RunOptions,
    progress: Progress,
) -> list[dict[str, Any]]:
    """The report's `checks`: those of the run, then those of each artifact at its default output size.

    Raises:
        DataError: a picture cannot be read.
    """
    from validation.checks import check_artifact, check_run
    from validation.checks.base.evidence import RunEvidence

    calibration = manifest.get("calibration") or {}
    calibrated = tuple(artifact.name for artifact in artifacts if _recipe(artifact).needs_calibration)
    results: list[CheckResult] = []
    with progress.stage("checks", len(artifacts) + 1) as stage:
        results += check_run(RunEvidence(dataset, source.input_size, calibration.get("pictures"), calibrated))
        stage.advance()
        expectations = _expectations(source, dataset, options)
        for artifact in artifacts:
            evidence = gathered(artifact, expectations, options)
            if evidence is not None:
                results += check_artifact(evidence)
            stage.advance()
    for failed in (item for item in results if item.status == "fail"):
        progress.note(f"     check {failed.name} failed: {failed.message}")
    return [item.to_json() for item in results]


def gathered(artifact: Artifact, expectations: Expectations, options: RunOptions) -> ArtifactEvidence | None:
    """What checks look at; None if no chosen runtime here takes the artifact."""
    from validation.checks.base.evidence import ArtifactEvidence

    fitting = [item for item in choose_runtimes(options) if artifact.format in item.runner.formats]
    usable = [item for item in fitting if item.runner.availability(item.backend).ok]
    # Reference kernels come first only where nothing else was asked for.
    usable.sort(key=lambda item: item.runner.images_limit(item.backend) is not None)
    if not usable:
        return None
    ends = _ends(artifact)
    others, unavailable = _others(artifact, usable[0].title, ends, options)
    return ArtifactEvidence(
        artifact=artifact,
        runner=partial(usable[0].runner, artifact, usable[0].backend, options.threads),
        expectations=expectations,
        lossless=_lossless(artifact),
        others=others,
        unavailable=unavailable,
        input_edge=_edge(ends and ends.input),
        output_edge=_edge(ends and ends.output),
    )


def tensor_path(source: ModelSource, threads: int) -> Network:
    """The float network on tensors alone, without any runner."""
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

    from validation.runners.base.torch_threads import TorchThreads

    def ask(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with TorchThreads(threads), torch.inference_mode():
            answer: NDArray[np.float32] = module(torch.from_numpy(tensor)).numpy()
        return answer

    return ask


def _expectations(source: ModelSource, dataset: Dataset, options: RunOptions) -> Expectations:
    from validation.accuracy.result import spread
    from validation.checks.base.evidence import Expectations

    pictures = tuple(dataset[index].image for index in spread(len(dataset), PICTURES))
    network = tensor_path(source.at(source.output_size), options.threads)
    return Expectations(network, pictures, source.input_size, source.pixel_range, source.classes)


def _others(
    artifact: Artifact, title: str, ends: Ends | None, options: RunOptions
) -> tuple[dict[str, MakeRunner], dict[str, str]]:
    """Every other runtime and backend of the artifact's format by title, and why some are not asked."""
    from validation.runners import runners

    asked = {item.title for item in choose_runtimes(options)}
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
                    f"too slow for {work / 1e6:,.0f} million multiply-adds unless it is named: --runners {runner.name}:{backend}"
                )
            else:
                others[other] = partial(guarded(runner, options), artifact, backend, options.threads)
    return others, unavailable


def _recipe(artifact: Artifact) -> Any:
    from quantization import recipe

    return recipe(artifact.recipe)


def _lossless(artifact: Artifact) -> bool:
    found = _recipe(artifact)
    return not (found.weights.is_integer or found.activations.is_integer or found.palette or found.sparsity)


def _ends(artifact: Artifact) -> Ends | None:
    """None for other formats, and for files that cannot be read: their own runs say why."""
    if artifact.format != "tflite":
        return None
    from converters import MissingToolError, SourceError
    from converters.formats.tflite.file.edges import read_ends

    try:
        return read_ends(artifact.path, artifact.signature)
    except (SourceError, MissingToolError):
        return None


def _edge(end: Any) -> Edge | None:
    from validation.checks.base.evidence import Edge

    return None if end is None else Edge(end.dtype, end.quantization, end.declared)
