"""Turn options into artifacts and a manifest: the converting half of the story."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import MissingToolError, ModelSource, OutputKind, Plan, SourceError, converters, make_plan
from converters.conversion.perform import State, convert_here, perform
from quantization import NumberType, Recipe, Repair, WeightRange, recipe, recipes
from quantization.calibration.plot import plot_ranges
from quantization.calibration.statistics import load_statistics
from quantization.policy import read_policy
from toolkit.errors import ExitStatus, UsageError, unknown
from toolkit.isolation.limits import Limits
from toolkit.options import RunOptions
from toolkit.progress import Progress, Stage, TellingStage
from toolkit.run_folder.earlier import earlier_artifacts, fingerprint, settle
from toolkit.run_folder.environment import describe_environment
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.picture_sets import calibration_note, calibration_set
from toolkit.stages.refuse_missing import check_converters
from validation.runners.base.resizing import picture_digest

if TYPE_CHECKING:
    from converters import Artifact
    from converters.conversion.perform import Convert, Outcome
    from quantization.calibration import CalibrationSet
    from quantization.policy import Policy


SAME_ELSEWHERE = {"int8_static": ("w8a8",)}
"""A policy's recipe -> what other formats call 8-bit weights and calibrated 8-bit activations."""


@dataclass(frozen=True)
class Conversions:
    """What became of a plan.

    Attributes:
        folder: where the artifacts lie.
        outcomes: one per conversion, in the plan's order.
        manifest: as it was written.
    """

    folder: RunFolder
    outcomes: tuple[Outcome, ...]
    manifest: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Those that were made or reused."""
        return tuple(item.artifact for item in self.outcomes if item.artifact is not None)

    @property
    def status(self) -> ExitStatus:
        """PASS, or why not everything could be made."""
        errors = [item.error for item in self.outcomes if item.error is not None]
        if any(not isinstance(error, (MissingToolError, SourceError)) for error in errors):
            return ExitStatus.TOOL_FAILED
        if any(isinstance(error, SourceError) for error in errors):
            return ExitStatus.BAD_INPUT
        return ExitStatus.NOT_INSTALLED if errors else ExitStatus.PASS


def wanted_pairs(options: RunOptions) -> list[tuple[str, Recipe]]:
    """Choose the (format, recipe) pairs that the options ask for; raises RecipeError or UsageError for unknown ones."""
    for kind, names, known in (("format", options.formats, converters()), ("recipe", options.recipes, recipes())):
        for name in (name for name in names if name not in known):
            raise unknown(kind, name, known)
    chosen = _chosen_recipes(options)
    formats = [name for name in converters() if name in options.formats]
    # Asked-for formats come in the user's order; a recipe that a format does not have is simply not made for it.
    formats.sort(key=options.formats.index)
    pairs = [(name, item) for name in formats for item in chosen if name in item.formats]
    unused = [item.name for item in chosen if not set(item.formats) & set(formats)]
    if options.recipes and unused:
        homes = ", ".join(recipe(unused[0]).formats)
        raise UsageError(f"recipe {unused[0]!r} exists only for {homes}; add that to --formats or drop the recipe")
    return _with_interface([(name, _repaired(name, item, options)) for name, item in pairs], options)


def _repaired(format_name: str, item: Recipe, options: RunOptions) -> Recipe:
    """Give the recipe `--repair` and `--weight-range`, where TFLite stores integer weights."""
    if format_name != "tflite" or not item.weights.is_integer:
        return item
    if options.repair:
        if "none" in options.repair and len(options.repair) > 1:
            raise UsageError("--repair none excludes other repairs; give either none or those that shall be done")
        item = dataclasses.replace(item, repairs=tuple(Repair(name) for name in options.repair if name != "none"))
    if options.logits_range:
        item = dataclasses.replace(item, decisive_logits=options.logits_range == "decisive")
    if options.weight_range:
        item = dataclasses.replace(item, weight_range=WeightRange(options.weight_range))
    return item


def _chosen_recipes(options: RunOptions) -> list[Recipe]:
    """Choose those named; else the policy's, in the name that each format has for it.

    Else all that are not on request only.
    """
    if options.recipes:
        return [recipe(name) for name in options.recipes]
    policy = _policy(options)
    if policy is not None:
        return [recipe(name) for name in (policy.recipe, *SAME_ELSEWHERE.get(policy.recipe, ()))]
    return [item for item in recipes().values() if not item.on_request]


def _with_interface(pairs: list[tuple[str, Recipe]], options: RunOptions) -> list[tuple[str, Recipe]]:
    """Give the pairs `--io-dtype` for those of TFLite that compute in calibrated 8 bits throughout."""
    wanted = NumberType(options.io_dtype)
    if not wanted.is_integer:
        return pairs
    fit = [name == "tflite" and item.needs_calibration and item.activations is NumberType.INT8 for name, item in pairs]
    if not any(fit):
        raise UsageError(
            f"--io-dtype {wanted.value} is for TFLite int8_static; add that recipe, or leave the option out"
        )
    return [
        (name, dataclasses.replace(item, interface=wanted) if fits else item)
        for (name, item), fits in zip(pairs, fit, strict=True)
    ]


def _routes(options: RunOptions) -> dict[str, str] | None:
    """Choose a route for each format, where the options name one; raises UsageError for two that exclude each other."""
    if options.quantizer == "tensorflow":
        if options.tflite_route not in (None, "onnx2tf", "tensorflow"):
            raise UsageError(
                f"TensorFlow's quantizer takes what onnx2tf makes, not {options.tflite_route}; leave --tflite-route out"
            )
        return {"tflite": "tensorflow"}
    return {"tflite": options.tflite_route} if options.tflite_route else None


def kept_operations(options: RunOptions) -> tuple[tuple[str, NumberType], ...]:
    """Read (pattern, number type) of the operations to keep; raises UsageError for what is not TYPE:PATTERN."""
    kept = []
    for entry in options.keep:
        number, _, pattern = entry.partition(":")
        if number not in (NumberType.FLOAT32.value, NumberType.FLOAT16.value) or not pattern:
            raise UsageError(
                f"--keep {entry!r} is not TYPE:PATTERN; write float32:NAME or float16:NAME, * and ? allowed"
            )
        kept.append((pattern, NumberType(number)))
    policy = _policy(options)
    return tuple(kept) + (policy.patterns if policy is not None else ())


def _policy(options: RunOptions) -> Policy | None:
    """Read the policy that the options name; raises RecipeError if it is none."""
    return None if options.policy is None else read_policy(options.policy)


def plan_conversions(
    options: RunOptions, source: ModelSource, progress: Progress, store: Path | None = None
) -> tuple[Plan, CalibrationSet | None]:
    """Decide everything and read the calibration pictures; nothing is written yet. `store` will keep the statistics."""
    pairs, routes = wanted_pairs(options), _routes(options)
    check_converters([name for name, _ in pairs], routes, source)
    for remark in source.remarks:
        progress.note(remark)
    calibration = None
    if source.meaning.note:
        progress.note(f"{source.name}: {source.meaning.note}")
    if any(item.needs_calibration for _, item in pairs):
        if note := calibration_note(options, source):
            progress.note(note)
        with progress.stage("reading calibration pictures", options.calibration_images) as stage:
            calibration = calibration_set(options, source, stage.advance, store)
    plan = make_plan(
        source,
        pairs,
        output=OutputKind(options.output),
        routes=routes,
        calibration=calibration.digest() if calibration else None,
        keep=kept_operations(options),
    )
    return plan, calibration


def perform_plan(
    plan: Plan, calibration: CalibrationSet | None, options: RunOptions, folder: RunFolder, progress: Progress
) -> Conversions:
    """Make the artifacts and write the manifest, which names whatever could be made.

    Raises SourceError where all were refused.
    """
    model = _model_entry(plan.source)
    mark, before = fingerprint(model), earlier_artifacts(folder)
    with _told(progress, len(plan.conversions)) as tell, _converting(options, progress) as convert:
        known, remember = folder.reusable_artifacts(), partial(folder.remember, model=mark)
        outcomes = perform(plan, folder.artifacts, calibration, known, tell.state, remember, convert, tell.phase)
    if options.calibration_plot and calibration is not None:
        _plot(folder, calibration)
    conversions = Conversions(folder, tuple(outcomes))
    refused = [outcome.error for outcome in outcomes if isinstance(outcome.error, SourceError)]
    if refused and len(refused) == len(
        outcomes
    ):  # what was asked for cannot be: no tool is to blame, and there is no run
        raise refused[0]
    kept = [artifact.to_json(folder.root) for artifact in settle(before, outcomes, mark, folder, progress)]
    manifest = _manifest(plan, calibration, options, conversions) | {"model": model, "kept": kept}
    folder.save_manifest(manifest)
    return dataclasses.replace(conversions, manifest=manifest)


@contextmanager
def _converting(options: RunOptions, progress: Progress) -> Iterator[Convert]:
    """Choose where converters run; says so where it is not where the options want it."""
    from toolkit.isolation.conversions import ConversionProcess

    if not options.isolate:
        yield convert_here
        return
    with ConversionProcess(Limits.of(options.time_limit, options.memory_limit)) as elsewhere:
        yield elsewhere
    if elsewhere.here:
        progress.note(f"     converted without a process of its own: {elsewhere.here}")


def _plot(folder: RunFolder, calibration: CalibrationSet) -> None:
    """Draw whatever statistics there are of these pictures, beside them."""
    for kept in folder.calibration.glob(f"*-{calibration.pictures_digest()[:12]}.npz"):
        statistics = load_statistics(kept)
        if statistics:
            plot_ranges(statistics, kept.with_suffix(".png"))


@dataclass(frozen=True)
class _Telling:
    """Shows the progress of `perform`: one step an artifact, with a line for each, and what is done meanwhile."""

    progress: Progress
    stage: Stage

    def state(self, name: str, state: State, seconds: float) -> None:
        """Show where a conversion stands."""
        if state is State.START:
            return
        self.stage.advance()
        took = f" in {seconds:.1f} s" if state is State.DONE else ""
        self.progress.note(f"     {name}: {state.value}{took}")

    def phase(self, name: str, phase: str, done: int = 0, total: int = 0) -> None:
        """Show what is being done for an artifact."""
        if isinstance(self.stage, TellingStage):
            self.stage.doing(f"{name}: {phase}", done, total)


@contextmanager
def _told(progress: Progress, total: int) -> Iterator[_Telling]:
    """Show the stage of converting."""
    with progress.stage("converting", total) as stage:
        yield _Telling(progress, stage)


def _digests(calibration: CalibrationSet) -> dict[str, str]:
    """Digest the content of each calibration picture by its id: what the check for overlap holds the judging
    pictures against.
    """
    return {name: picture_digest(image) for name, image in zip(calibration.ids, calibration.images, strict=True)}


def _model_entry(source: ModelSource) -> dict[str, Any]:
    """Describe the network for the manifest."""
    return {
        "name": source.name,
        "origin": source.origin,
        "weights_sha256": source.weights_sha256,
        "parameters": source.parameters,
        "classes": list(source.classes),
        "colours": [list(colour) for colour in source.colours],
        "input_size": list(source.input_size),
        "output_size": list(source.output_size),
        "output_sizes": [list(size) for size in source.output_sizes],
        "pixel_range": source.pixel_range.value,
        "scores": source.meaning.scores.value,
        "scores_note": source.meaning.note,
    }


def _manifest(
    plan: Plan, calibration: CalibrationSet | None, options: RunOptions, conversions: Conversions
) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options.model_dump(mode="json"),
        "calibration": None
        if calibration is None
        else {
            "origin": calibration.origin,
            "digest": calibration.pictures_digest(),
            "method": calibration.method.value if calibration.method else "usual",
            "ids": list(calibration.ids),
            "pictures": _digests(calibration),
        },
        "recipes": sorted({item.recipe.name for item in plan.conversions}),
        "seeds": {"bootstrap": 0},
        "artifacts": [artifact.to_json(conversions.folder.root) for artifact in conversions.artifacts],
        "failed": {item.conversion.name: str(item.error) for item in conversions.outcomes if item.error is not None},
        "environment": describe_environment(),
    }
