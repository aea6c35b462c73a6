"""The whole story on one screen: source, plan, artifacts, reference, runs, verdicts, report."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.devices.fitting import check_fits
from toolkit.devices.folding import keep_result
from toolkit.devices.result import read_result
from toolkit.document.caveats import warnings_of
from toolkit.document.entries import artifact_entries, assemble, dataset_entry, reference_entry
from toolkit.document.halves import joined
from toolkit.document.outcome import Outcome, load_outcome, status_of
from toolkit.document.verdicts import folded, with_gains
from toolkit.errors import UsageError
from toolkit.isolation.runtimes import processes_released
from toolkit.models import load_source
from toolkit.models.loading import same_source
from toolkit.options import RunOptions
from toolkit.progress import Progress, SilentProgress
from toolkit.run_folder.disk_space import check_room
from toolkit.run_folder.earlier import refuse_other_model
from toolkit.run_folder.folder import RunFolder, trusted_artifacts
from toolkit.stages.accuracy import (
    by_artifact,
    kept_counts,
    latency_settings,
    measure_artifacts,
    planned_runs,
    with_sizes,
)
from toolkit.stages.checks import run_checks
from toolkit.stages.convert import Conversions, perform_plan, plan_conversions, wanted_pairs
from toolkit.stages.examples import draw_examples
from toolkit.stages.latency import retimed, time_everything, with_times
from toolkit.stages.lint import with_lint
from toolkit.stages.picture_sets import judging_set
from toolkit.stages.profiling import with_instructions, with_kernels, with_operations
from toolkit.stages.reference import measure_references
from toolkit.stages.runtimes import absent_runners, choose_runtimes, named_runners

if TYPE_CHECKING:
    from converters import ModelSource


def run(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Quantize, convert, run every artifact, judge and report.

    Raises:
        UsageError, SourceError, CheckpointError, RecipeError, DataError, ValidationError: bad input; found before
            anything is written wherever it can be.
    """
    shown: Progress = progress or SilentProgress()
    started = time.monotonic()
    _check_names(options)
    source = load_source(options)
    dataset = judging_set(options, source)
    dataset[0]  # an unusable dataset shows before anything is written
    if dataset.layout:
        shown.note(f"{dataset.name} is read as {dataset.layout}")
    folder = RunFolder(options.out)
    plan, calibration = plan_conversions(options, source, shown, folder.calibration)
    check_room(folder.root, plan, len(dataset))
    with folder.claimed(), processes_released():
        perform_plan(plan, calibration, options, folder, shown)
        return _judge(options, folder, source, shown, started)


def _check_names(options: RunOptions) -> None:
    """Whatever can be refused before the model is loaded: folder, formats, recipes and runners."""
    refuse_other_model(options)
    wanted_pairs(options)
    choose_runtimes(options)


def convert(options: RunOptions, progress: Progress | None = None) -> Conversions:
    """Write artifacts and manifest only; raises as `run` does."""
    shown: Progress = progress or SilentProgress()
    _check_names(options)
    folder = RunFolder(options.out)
    plan, calibration = plan_conversions(options, load_source(options), shown, folder.calibration)
    check_room(folder.root, plan)
    with folder.claimed():
        return perform_plan(plan, calibration, options, folder, shown)


def validate(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Judge the artifacts in `options.out`; latency that was measured before on the same files is kept."""
    started = time.monotonic()
    folder = RunFolder(options.out)
    source = same_source(options, folder.load_manifest())
    with folder.claimed(), processes_released():
        return _judge(options, folder, source, progress or SilentProgress(), started)


def bench(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Time the artifacts in `options.out`; accuracy that was measured before on the same files is kept.

    Raises:
        UsageError: there is no report yet to put the figures into.
    """
    from validation.measure import Measurements

    shown: Progress = progress or SilentProgress()
    started = time.monotonic()
    before = load_outcome(options.out)
    folder, manifest = before.folder, before.folder.load_manifest()
    if before.document["model"]["weights_sha256"] != manifest["model"]["weights_sha256"]:
        raise UsageError(
            f"report.json in {options.out} is of another network than the artifacts are; `segport validate {options.out}` judges them anew"
        )
    source = same_source(options, manifest)
    dataset = judging_set(options.model_copy(update={"images": 1}), source)
    settings = latency_settings(options)
    if settings is None:
        raise UsageError("bench with --latency-samples 0 measures nothing; give 1 or more")
    what = Measurements(dataset=None, latency=settings, picture=dataset[0].image)
    with folder.claimed(), processes_released():
        files = with_sizes(trusted_artifacts(folder), source)
        planned = planned_runs(files, options)
        runs = measure_artifacts(planned, what, options, shown)
        runs, times = time_everything(planned, runs, source, what, options, shown)
        runs = with_kernels(planned, with_operations(planned, runs, what, options, shown), options, shown)
        runs = with_instructions(planned, runs, what, options, shown)
        reference = retimed(before.document["reference"], times, source.output_size)
        results = joined(by_artifact(files, planned, runs), before.document, files, keep_accuracy=True)
        artifacts = with_lint(artifact_entries(manifest, results, options), folder)
        document = {**before.document, "reference": reference, "artifacts": artifacts}
        facts = _facts(artifacts, reference, options, started)
        # What reproduces the report is the command that judged; the bench is named beside it.
        taken = {key: facts[key] for key in ("warnings", "runners_named", "runners_absent")}
        return written(folder, {**document, "bench_command": facts["command"], **taken})


def redraw(folder: Path) -> Outcome:
    """Write report.md and report.html again from report.json; raises as `load_outcome`."""
    found = load_outcome(folder)
    return written(found.folder, found.document)


def _judge(options: RunOptions, folder: RunFolder, source: ModelSource, progress: Progress, started: float) -> Outcome:
    from validation.accuracy.matrices import MatrixStore
    from validation.measure import Measurements

    manifest = folder.load_manifest()
    dataset = judging_set(options, source)
    artifacts = with_sizes(trusted_artifacts(folder), source)
    references = measure_references(source, dataset, options, folder, progress)
    store, latency = kept_counts(folder), latency_settings(options)
    what = Measurements(dataset, latency=latency, judge_at=options.judge_at, workers=options.workers, store=store)
    what = dataclasses.replace(what, matrices=MatrixStore(folder.matrices, dataset.digest()))
    planned = planned_runs(artifacts, options)
    runs = measure_artifacts(planned, what, options, progress, references)
    runs, times = time_everything(planned, runs, source, what, options, progress)
    runs = with_kernels(planned, with_operations(planned, runs, what, options, progress), options, progress)
    runs = with_instructions(planned, runs, what, options, progress)
    references, results = with_times(references, times), by_artifact(artifacts, planned, runs)
    if options.latency_samples == 0 and folder.report.exists():
        results = joined(results, load_outcome(folder.root).document, artifacts, keep_accuracy=False)
    entries = with_lint(artifact_entries(manifest, results, options), folder)
    examples = draw_examples(
        artifacts, results, dataset, references[source.output_size].maps, options, folder, progress
    )
    described = reference_entry(references, source)
    facts = _facts(entries, described, options, started)
    if options.checks:
        facts["checks"] = run_checks(artifacts, source, dataset, manifest, options, progress)
    outcome = written(folder, assemble(manifest, dataset_entry(dataset), described, entries, examples, facts))
    store.clear()
    return outcome


def _facts(
    entries: list[dict[str, Any]], reference: Mapping[str, Any], options: RunOptions, started: float
) -> dict[str, Any]:
    return {
        "command": " ".join(["segport", *sys.argv[1:]]) if Path(sys.argv[0]).name == "segport" else "toolkit (Python)",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_seconds": round(time.monotonic() - started, 1),
        "warnings": warnings_of(entries, reference),
        "runners_named": list(named_runners(options)),
        "runners_absent": absent_runners(options),
    }


def written(folder: RunFolder, document: dict[str, Any]) -> Outcome:
    """Fold in what other machines measured, write every kind of report, and say what it amounts to."""
    from toolkit.devices.folding import with_devices
    from toolkit.report import write_all

    document = folded(with_gains(with_devices(folder, document)))
    write_all(document, folder.root)
    return Outcome(folder, document, status_of(document))


def merge(folder: Path, results: Sequence[Path]) -> Outcome:
    """Check result files, keep them in the run folder and draw its reports again with them.

    Raises:
        UsageError: no report, or a file that is damaged, measures other artifacts, or answers to another bundle; then
            nothing has changed.
    """
    from toolkit.document.outcome import load_outcome
    from toolkit.pipeline import written

    found = load_outcome(folder)
    for path in results:
        check_fits(read_result(path), found.folder, found.document, path)
    with found.folder.claimed():
        for path in results:
            keep_result(path, found.folder)
        return written(found.folder, found.document)
