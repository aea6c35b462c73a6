"""Perform a plan: convert, write each artifact completely or not at all, reuse what is already right."""

from __future__ import annotations

import dataclasses
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from converters.artifact import Artifact, MapOutput, content_hash, content_size
from converters.contract import Conversion, Job, Written
from converters.conversion.plan import Plan, tool_versions
from converters.conversion.several_sizes import convert_sizes
from converters.errors import ConversionError, MissingToolError, SourceError, in_one_line
from converters.formats import converter
from converters.source import ModelSource
from converters.tools.capture import captured, last_informative_line, temporary_files_in
from converters.torch_sources.unsupported import place_of_failure
from quantization.calibration import CalibrationSet

TEMPORARY_PREFIX = ".segport-"
"""Names of everything unfinished in an artifact folder; what a killed run leaves behind is recognised by it."""
LOGS = "logs"


class State(Enum):
    """Where one conversion stands, for a progress display."""

    START = "start"
    REUSED = "reused"
    DONE = "done"
    FAILED = "failed"


OnPhase = Callable[[str, str, int, int], None]
"""Called with artifact name and what is being done for it, how many steps of that are over, and how many there are (0
of 0: unknown)."""
Progress = Callable[[str, State, float], None]
"""Called with artifact name, state, and seconds since this conversion started.

While a conversion runs, descriptors 1 and 2 go to its log: a live display draws on
`converters.tools.capture.terminal()`.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one conversion: either `artifact` or `error` is given.

    Attributes:
        conversion: what was to be made.
        artifact: the finished artifact.
        error: why there is none: a tool is missing, a tool failed, or the source cannot be used.
        reused: True if an earlier artifact was right already.
        seconds: time spent on it, checking included.
    """

    conversion: Conversion
    artifact: Artifact | None
    error: ConversionError | MissingToolError | SourceError | None
    reused: bool
    seconds: float


def convert_here(job: Job, log: Path) -> Written:
    """Run one converter in this process, with its output in `log`; turn whatever a tool raises into one sentence naming
    the log.

    Raises:
        ConversionError, MissingToolError, SourceError: there is no artifact; what lies at `job.destination` is not to
            be used.
    """
    with captured(log), temporary_files_in(job.workspace / "temporary"):
        try:
            return convert_sizes(converter(job.conversion.format), job)
        except (MissingToolError, SourceError):
            traceback.print_exc()
            raise
        except Exception as error:
            said = str(error) if isinstance(error, ConversionError) else in_one_line(error)
            printed = last_informative_line(log)
            traceback.print_exc()
            place = place_of_failure(error, job.source)
            raise ConversionError(_failure(job, f"{said}; {place}" if place else said, printed, log)) from error


Convert = Callable[[Job, Path], Written]
"""Runs one converter somewhere: `convert_here`, or something that does it in another process and raises the same."""


def perform(
    plan: Plan,
    folder: Path,
    calibration: CalibrationSet | None = None,
    known: Mapping[str, Artifact] | None = None,
    on_progress: Progress | None = None,
    on_artifact: Callable[[Artifact], None] | None = None,
    convert: Convert = convert_here,
    on_phase: OnPhase | None = None,
) -> list[Outcome]:
    """Make every artifact of `plan` in `folder`; one that fails does not stop the others.

    Args:
        plan: what to make.
        folder: where to; made if missing. Tools' output goes to `folder`/logs.
        calibration: the pictures whose digest the plan was made with, if any recipe needs them.
        known: artifacts of earlier runs by name; one is reused if its key and the hash of its file still agree.
        on_progress: told when a conversion starts and how it ends.
        on_artifact: given every artifact as soon as it lies in `folder`, so that a run killed later need not make it
            again.
        convert: where each converter runs.
        on_phase: told what is being done while a conversion runs.

    Returns:
        one outcome per conversion, in the plan's order.

    Raises:
        SourceError: the calibration pictures are not the plan's, or another conversion is writing into `folder`.
    """
    _check_calibration(plan, calibration)
    folder.mkdir(parents=True, exist_ok=True)
    with _sole_writer(folder), _workspace(folder) as workspace:
        outcomes = []
        for conversion in plan.conversions:
            job = _job(plan.source, conversion, folder, workspace, calibration)
            if on_phase is not None:
                job = replace(job, tell=partial(on_phase, conversion.name))
            earlier = _still_right((known or {}).get(conversion.name), conversion)
            made = _outcome(job, earlier, on_progress or _silent, convert)
            if made.artifact is not None and on_artifact is not None:
                on_artifact(made.artifact)
            outcomes.append(made)
        return outcomes


def _job(
    source: ModelSource, conversion: Conversion, folder: Path, workspace: Path, calibration: CalibrationSet | None
) -> Job:
    """Describe one conversion to its converter; the artifact gets a hidden name in `folder` while it is unfinished."""
    unfinished = folder / f"{TEMPORARY_PREFIX}{conversion.name}{converter(conversion.format).suffix}"
    return Job(source, conversion, unfinished, workspace, calibration if conversion.recipe.needs_calibration else None)


def _outcome(job: Job, earlier: Artifact | None, on_progress: Progress, convert: Convert) -> Outcome:
    """Hand back the earlier artifact, or make a new one."""
    started = time.perf_counter()
    name = job.conversion.name
    on_progress(name, State.START, 0.0)
    artifact, error = earlier, None
    if artifact is None:
        try:
            artifact = _make(job, convert)
        except (ConversionError, MissingToolError, SourceError) as failure:
            error = failure
    seconds = time.perf_counter() - started
    reused = earlier is not None
    on_progress(name, State.REUSED if reused else State.FAILED if error else State.DONE, seconds)
    return Outcome(job.conversion, artifact, error, reused, seconds)


def _make(job: Job, convert: Convert) -> Artifact:
    conversion, folder = job.conversion, job.destination.parent
    target = converter(conversion.format)
    final = folder / f"{conversion.name}{target.suffix}"
    log = folder / LOGS / f"{conversion.name}.log"
    log.parent.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    try:
        written = convert(job, log)
        _move_into_place(job.destination, final)
    finally:
        _remove(job.destination)
    route = written.provenance.get("route", conversion.route)
    tools = conversion.tools if route == conversion.route else tool_versions(target, route)
    return Artifact(
        name=conversion.name,
        format=conversion.format,
        recipe=conversion.recipe.name,
        path=final,
        sha256=content_hash(final),
        size_bytes=content_size(final),
        key=conversion.key,
        image=written.image,
        output=_meant(written.output, job),
        classes=job.source.classes,
        provenance=written.provenance | {f"{package} version": found for package, found in tools},
        signatures=tuple(dataclasses.replace(entry, output=_meant(entry.output, job)) for entry in written.signatures),
        signature=next((entry.name for entry in written.signatures if entry.default), None),
    )


def _meant(output: MapOutput, job: Job) -> MapOutput:
    """The description of an answer, with what its scores are."""
    return dataclasses.replace(output, scores=job.source.meaning.scores)


def _failure(job: Job, said: str, printed: str, log: Path) -> str:
    conversion = job.conversion
    words = printed.partition(": ")[2] or printed
    hint = f"; its last words were {printed!r}" if printed and words[:200] not in said else ""
    return f"{conversion.name} could not be made through {conversion.route}: {said}{hint}; the whole story is in {log}"


def _still_right(artifact: Artifact | None, conversion: Conversion) -> Artifact | None:
    """`artifact` if it was made from exactly this plan and its file has not been touched since."""
    if artifact is None or artifact.key != conversion.key or not artifact.path.exists():
        return None
    return artifact if content_hash(artifact.path) == artifact.sha256 else None


def _check_calibration(plan: Plan, calibration: CalibrationSet | None) -> None:
    wanted = {item.calibration for item in plan.conversions if item.recipe.needs_calibration}
    if not wanted:
        return
    if calibration is None or wanted != {calibration.digest()}:
        raise SourceError("the calibration pictures are not those the plan was made with; make the plan again")
    size = calibration.images.shape[1:3]
    if size != plan.source.input_size:
        raise SourceError(
            f"calibration pictures are {size[0]} x {size[1]} but the network takes "
            f"{plan.source.input_size[0]} x {plan.source.input_size[1]}; resize them first"
        )


@contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / ".segport.lock", timeout=0):
            yield
    except Timeout:
        raise SourceError(
            f"another conversion is writing into {folder}; wait for it or choose another folder"
        ) from None


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """A hidden folder for intermediate files, gone afterwards; leftovers of killed runs go first."""
    for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
        _remove(leftover)
    workspace = folder / f"{TEMPORARY_PREFIX}workspace"
    workspace.mkdir()
    try:
        yield workspace
    finally:
        _remove(workspace)


def _move_into_place(unfinished: Path, final: Path) -> None:
    """Rename over an earlier artifact. A folder cannot be replaced in one step, so the old one steps aside first."""
    if not final.is_dir():
        unfinished.replace(final)
        return
    aside = final.with_name(f"{TEMPORARY_PREFIX}old-{final.name}")
    final.replace(aside)
    unfinished.replace(final)
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _silent(name: str, state: State, seconds: float) -> None:
    """The progress display of those who want none."""
