"""Tell the whole of `segport search` on one screen: float artifact, sensitivity, candidates, policy, and the run that
proves it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from converters import Artifact, ModelSource, make_plan
from converters.conversion.perform import perform
from quantization import NumberType, recipe
from quantization.calibration import CalibrationSet
from quantization.emulation import VERSION
from quantization.policy import KeptLayer, Policy
from segdata.errors import DataError
from toolkit.apps.search.candidates import FORMAT, RECIPE, RUNNER, CandidateMaker
from toolkit.apps.search.drawing import draw
from toolkit.apps.search.options import Objective
from toolkit.apps.search.result import SearchResult, to_json
from toolkit.apps.search.sensitivity import LayerSensitivity, by_harm, measure_sensitivity
from toolkit.apps.search.strategy import MOST, AllowedLoss, Candidate, Search
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.options import RunOptions
from toolkit.pipeline import run
from toolkit.progress import Progress, SilentProgress
from toolkit.run_folder.earlier import refuse_other_model
from toolkit.run_folder.files import write_json, write_text
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.context import Context, to_judge
from toolkit.stages.picture_sets import calibration_set, judging_set
from toolkit.stages.reference import measure_references
from toolkit.stages.refuse_missing import check_converters, check_runtimes
from toolkit.stages.runtimes import choose_runtimes

if TYPE_CHECKING:
    from segdata import Dataset


def cost_of(objective: Objective) -> Any:
    """Measure what is to be small: bytes, or milliseconds (bytes decide between equals)."""
    if objective == "size":
        return lambda candidate: (candidate.size_bytes, -candidate.worst_delta)
    return lambda candidate: (candidate.p50_ms, candidate.size_bytes)


def search(
    options: RunOptions,
    limits: AllowedLoss,
    objective: Objective = "size",
    most: int = MOST,
    progress: Progress | None = None,
) -> SearchResult:
    """Find which layers of an int8_static .tflite must stay in float16 for the limits to hold.

    Raises:
        UsageError: limits nothing can keep, latency without samples, an ONNX source; and what `toolkit.run` raises.
    """
    shown: Progress = progress or SilentProgress()
    if objective == "latency" and options.latency_samples == 0:
        raise UsageError("--minimize latency with --latency-samples 0 measures nothing; give 5 or more")
    refuse_other_model(options.model_copy(update={"out": options.out / "run"}))
    source = load_source(options)
    check_converters((FORMAT,), _route(options), source)
    check_runtimes((FORMAT,), choose_runtimes(options.model_copy(update={"runners": (RUNNER,)})))
    dataset, chosen_on = _choosing_set(options, source, shown)
    folder = RunFolder(options.out)
    with folder.claimed():
        with shown.stage("reading calibration pictures", options.calibration_images) as stage:
            calibration = calibration_set(options, source, stage.advance, folder.cache / "calibration")
        layers = _sensitivity(source, dataset, calibration, options, folder, shown)
        maker = _maker(source, dataset, calibration, options, folder, shown)
        found = Search(_told(maker, shown), limits, cost_of(objective), most)
        best = found.run(by_harm(layers))
        policy = _policy(best, layers)
        write_text(folder.root / "policy.toml", policy.to_toml())
    proof = options.model_copy(
        update={
            "policy": folder.root / "policy.toml",
            "out": folder.root / "run",
            "formats": (FORMAT,),
            "recipes": (),
        }
    )
    result = SearchResult(
        folder, tuple(layers), tuple(found.tried), best, policy, limits, objective, chosen_on, run(proof, shown)
    )
    write_json(folder.root / "search.json", to_json(result))
    draw(result)
    return result


def _route(options: RunOptions) -> dict[str, str] | None:
    """Name the route of the float artifact, where the options do."""
    return {FORMAT: options.tflite_route} if options.tflite_route else None


def _choosing_set(options: RunOptions, source: ModelSource, progress: Progress) -> tuple[Dataset, str]:
    """Open the pictures that choose, and name their split: of `val`, so that those of `--split` prove the policy
    without having chosen it.
    """
    proving = judging_set(options, source)
    if options.split == "test":
        try:
            choosing = judging_set(options.model_copy(update={"split": "val"}), source)
        except DataError as error:
            progress.note(f"     no split val to choose on ({error})")
        else:
            if choosing.digest() != proving.digest():
                return choosing, "val"
    progress.note(f"     the pictures of split {options.split} both choose the policy and prove it, which flatters it")
    return proving, options.split


def _sensitivity(
    source: ModelSource,
    dataset: Dataset,
    calibration: CalibrationSet,
    options: RunOptions,
    folder: RunFolder,
    progress: Progress,
) -> list[LayerSensitivity]:
    """Measure every layer, or read that back if the same network was measured on the same pictures before."""
    path = folder.root / "sensitivity.json"
    pictures = [dataset.digest(), calibration.digest()]
    key = [VERSION, source.weights_sha256, source.input_size, source.output_size, *pictures]
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] == json.loads(json.dumps(key)):
            progress.note(f"     sensitivity is read from {path}")
            return [LayerSensitivity(**entry) for entry in stored["layers"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or damaged: measured again
    found = measure_sensitivity(
        source, dataset, calibration, options.threads, progress, folder.cache / "sensitivity.npz", json.dumps(key)
    )
    write_json(path, {"key": key, "layers": [layer.to_json() for layer in found]})
    return found


def _maker(
    source: ModelSource,
    dataset: Dataset,
    calibration: CalibrationSet,
    options: RunOptions,
    folder: RunFolder,
    progress: Progress,
) -> CandidateMaker:

    base = _float_artifact(source, options, folder, progress)
    references = measure_references(Context(options, progress, folder, source, to_judge(options, folder, dataset)))
    return CandidateMaker(options, source, calibration, dataset, references[source.output_size], base, folder)


def _float_artifact(source: ModelSource, options: RunOptions, folder: RunFolder, progress: Progress) -> Artifact:

    plan = make_plan(source, [(FORMAT, recipe("float32"))], routes=_route(options))
    with progress.stage("converting", 1) as stage:
        (outcome,) = perform(plan, folder.artifacts, known=folder.reusable_artifacts(), on_artifact=folder.remember)
        stage.advance()
    if outcome.artifact is None:
        assert outcome.error is not None  # one of the two is given
        raise outcome.error
    return outcome.artifact


def _told(maker: CandidateMaker, progress: Progress) -> Any:
    def evaluate(kept: tuple[str, ...]) -> Candidate:
        found = maker.evaluate(kept)
        progress.note(
            f"     {len(kept)} layers in float16: mean IoU {found.delta_miou * 100:+.2f} pt, worst {found.worst_class} "
            f"{found.worst_delta * 100:+.2f} pt, {found.size_bytes / 1e6:.2f} MB"
            + (f", {found.p50_ms:.1f} ms" if found.p50_ms is not None else "")
        )
        return found

    return evaluate


def _policy(best: Candidate, layers: Sequence[LayerSensitivity]) -> Policy:

    known = {layer.name: layer for layer in layers}
    kept = [known[name] for name in best.kept]
    return Policy(RECIPE, tuple(KeptLayer(layer.name, NumberType.FLOAT16, reason_for(layer)) for layer in kept))


def reason_for(layer: LayerSensitivity) -> str:
    """Say why a layer was kept, from what it does when it alone is quantized."""
    name, change = layer.worst_class
    return (
        f"alone in int8: logits at {layer.sqnr_db:.1f} dB, {name} {change * 100:+.2f} pt, "
        f"{layer.flipped * 100:.2f} % of pixels change"
    )
