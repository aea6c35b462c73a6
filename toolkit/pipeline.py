"""Tell the whole story on one screen: source, plan, artifacts, reference, runs, report, verdicts."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.devices.belonging import check_fits
from toolkit.devices.merging import keep_result, with_devices
from toolkit.devices.result import read_result
from toolkit.document.caveats import warnings_of
from toolkit.document.entries import artifact_entries, assemble, dataset_entry, reference_entry
from toolkit.document.halves import HalfKey, earlier_runs, joined
from toolkit.document.outcome import Outcome, load_outcome, status_of
from toolkit.document.shape import ArtifactEntry, ReferenceEntry, ReportDocument
from toolkit.document.verdicts import judged
from toolkit.errors import UsageError
from toolkit.isolation.runtimes import processes_released
from toolkit.models import load_source
from toolkit.models.loading import same_source
from toolkit.options import RunOptions
from toolkit.progress import Progress, SilentProgress
from toolkit.report import write_all
from toolkit.run_folder.disk_space import check_room
from toolkit.run_folder.earlier import refuse_other_model
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.accuracy import by_artifact, measure_accuracy
from toolkit.stages.checks import run_checks
from toolkit.stages.context import Context, context_of, to_judge, to_time
from toolkit.stages.convert import Conversions, perform_plan, plan_conversions, wanted_pairs
from toolkit.stages.examples import draw_examples
from toolkit.stages.latency import ReferenceTimes, retimed, time_everything, with_times
from toolkit.stages.lint import with_lint
from toolkit.stages.picture_sets import judging_set
from toolkit.stages.profiling import profiled
from toolkit.stages.reference import measure_references
from toolkit.stages.refuse_missing import check_runtimes
from toolkit.stages.runtimes import Runtime, absent_runners, choose_runtimes, named_runners
from validation.errors import ValidationError
from validation.results.run import RunResult


def run(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Quantize, convert, run every artifact, judge and report.

    Raises:
        UsageError, SourceError, CheckpointError, RecipeError, DataError, ValidationError: bad input; found before
            anything is written wherever it can be.
    """
    shown: Progress = progress or SilentProgress()
    started, folder = time.monotonic(), RunFolder(options.out)
    runtimes = _checked_names(options)
    source = load_source(options)
    dataset = judging_set(options, source)
    if dataset.layout:
        shown.note(f"{dataset.name} is read as {dataset.layout}")
    plan, calibration = plan_conversions(options, source, shown, folder.calibration)
    check_runtimes(options.formats, runtimes)
    check_room(folder.root, plan, len(dataset))
    with folder.claimed(), processes_released():
        manifest = perform_plan(plan, calibration, options, folder, shown).manifest
        what = to_judge(options, folder, dataset)
        return _validated(context_of(options, shown, folder, source, what, runtimes, manifest), started)


def convert(options: RunOptions, progress: Progress | None = None) -> Conversions:
    """Write artifacts and manifest only; raises as `run` does."""
    shown: Progress = progress or SilentProgress()
    folder = RunFolder(options.out)
    _checked_names(options)
    plan, calibration = plan_conversions(options, load_source(options), shown, folder.calibration)
    check_room(folder.root, plan)
    with folder.claimed():
        return perform_plan(plan, calibration, options, folder, shown)


def validate(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Judge the artifacts in `options.out`; latency that was measured before on the same files is kept."""
    started, folder = time.monotonic(), RunFolder(options.out)
    manifest, runtimes = folder.load_manifest(), choose_runtimes(options)
    check_runtimes([item["format"] for item in manifest["artifacts"]], runtimes, each=False)
    source = same_source(options, manifest)
    what = to_judge(options, folder, judging_set(options, source))
    with folder.claimed(), processes_released():
        shown: Progress = progress or SilentProgress()
        return _validated(context_of(options, shown, folder, source, what, runtimes, manifest), started)


def bench(options: RunOptions, progress: Progress | None = None) -> Outcome:
    """Time the artifacts in `options.out`; accuracy that was measured before on the same files is kept.

    Raises:
        UsageError: there is no report yet to put the figures into.
    """
    started, before = time.monotonic(), load_outcome(options.out)
    folder, runtimes = before.folder, choose_runtimes(options)
    manifest = folder.load_manifest()
    if before.report.model.weights_sha256 != manifest["model"]["weights_sha256"]:
        raise UsageError(
            f"report.json in {options.out} is of another network than the artifacts are; `segport validate"
            f" {options.out}` judges them anew"
        )
    source = same_source(options, manifest)
    what = to_time(options, judging_set(options.model_copy(update={"images": 1}), source))
    with folder.claimed(), processes_released():
        shown: Progress = progress or SilentProgress()
        context = context_of(options, shown, folder, source, what, runtimes, manifest)
        judged_before = earlier_runs(before.report, context.artifacts, "accuracy")
        runs, times = _timed(context, measure_accuracy(context))
        results = joined(by_artifact(context, runs), judged_before, "accuracy")
        reference = retimed(before.report.reference, times, source.output_size)
        artifacts = with_lint(artifact_entries(manifest, results, options), folder)
        facts = _facts(context, artifacts, reference, started)
        # What reproduces the report is the command that judged; the bench is named beside it.
        taken = {key: facts[key] for key in ("warnings", "runners_named", "runners_absent")}
        taken |= {"reference": reference, "artifacts": artifacts, "bench_command": facts["command"]}
        return written(folder, before.report.model_copy(update=taken))


def redraw(folder: Path) -> Outcome:
    """Write report.md and report.html again from report.json; raises as `load_outcome`."""
    found = load_outcome(folder)
    return written(found.folder, found.report)


def merge(folder: Path, results: Sequence[Path]) -> Outcome:
    """Check result files, keep them in the run folder and draw its reports again with them.

    Raises:
        UsageError: no report, or a file that is damaged, measures other artifacts, or answers to another bundle; then
            nothing has changed.
    """
    found = load_outcome(folder)
    for path in results:
        check_fits(read_result(path), found.folder, found.report, path)
    with found.folder.claimed():
        for path in results:
            keep_result(path, found.folder)
        return written(found.folder, found.report)


def _checked_names(options: RunOptions) -> tuple[Runtime, ...]:
    """Refuse whatever can be before the model is loaded: folder, formats, recipes and runners; gives the runtimes."""
    refuse_other_model(options)
    wanted_pairs(options)
    return choose_runtimes(options)


def _validated(context: Context, started: float) -> Outcome:
    """Measure everything, and write the report of it."""
    options, source, folder = context.options, context.source, context.folder
    timed_before = _timed_before(context)
    references = measure_references(context)
    runs, times = _timed(context, measure_accuracy(context, references))
    references = with_times(references, times)
    results = joined(by_artifact(context, runs), timed_before, "timing")
    entries = with_lint(artifact_entries(context.manifest, results, options), folder)
    examples = draw_examples(context, results, references[source.output_size].maps)
    reference = reference_entry(references, source)
    facts = _facts(context, entries, reference, started)
    if options.checks:
        facts["checks"] = run_checks(context)
    dataset = dataset_entry(context.dataset)
    outcome = written(folder, assemble(context.manifest, dataset, reference, entries, examples, facts))
    if context.what.store is not None:
        context.what.store.clear()
    return outcome


def _timed_before(context: Context) -> dict[HalfKey, RunResult]:
    """Read the times that stay, of a command that measures none.

    A report that cannot be read is told and costs only them.
    """
    if context.what.latency is not None or not context.folder.report.exists():
        return {}
    try:
        return earlier_runs(load_outcome(context.folder.root).report, context.artifacts, "timing")
    except (UsageError, ValidationError) as error:
        context.progress.note(f"     times from before are not kept: {error}")
        return {}


def _timed(context: Context, runs: Sequence[RunResult]) -> tuple[list[RunResult], ReferenceTimes]:
    """Complete runs with their times, and with what explains these; gives the float reference's times as well."""
    timed, times = time_everything(context, runs)
    return profiled(context, timed), times


def _facts(
    context: Context, entries: Sequence[ArtifactEntry], reference: ReferenceEntry, started: float
) -> dict[str, Any]:
    """Say how and when the report was made, and what a reader is to be warned of."""
    return {
        "command": " ".join(["segport", *sys.argv[1:]]) if Path(sys.argv[0]).name == "segport" else "toolkit (Python)",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_seconds": round(time.monotonic() - started, 1),
        "warnings": warnings_of(entries, reference),
        "runners_named": list(named_runners(context.options)),
        "runners_absent": absent_runners(context.options, context.runtimes),
    }


def written(folder: RunFolder, report: ReportDocument) -> Outcome:
    """Fold in what other machines measured, judge, write every kind of report, and say what it amounts to."""
    finished = judged(with_devices(folder, report))
    write_all(finished, folder.root)
    return Outcome(folder, finished, status_of(finished))
