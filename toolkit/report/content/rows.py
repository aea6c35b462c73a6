"""Take out of the document what every kind of report shows: rows, the run that judges, what was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.document.run_shape import Run
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.report.content.agreement import NOTICE
from toolkit.report.content.figures import MISSING, STATUS_WORDS, counted, listed, megabytes, milliseconds, points
from validation.results.run import WorstClass, worst_of


@dataclass(frozen=True)
class MatrixRow:
    """One line of the matrix.

    Attributes:
        artifact: what was run.
        run: in which runtime; None if no runtime was asked or the artifact could not be made.
    """

    artifact: ArtifactEntry
    run: Run | None

    @property
    def worst(self) -> WorstClass | None:
        """The class that lost most, by name, and its change of IoU."""
        return None if self.run is None else worst_of(self.run.delta_per_class_iou)


def worst_words(row: MatrixRow, between: str = " ") -> str:
    """Name the class that lost most and how much, ``none`` if no class lost as much as is shown."""
    if row.worst is None:
        return MISSING
    name, change = row.worst
    return f"{name}{between}{points(change)}" if points(change).startswith("-") else "none"


def accuracy_words(row: MatrixRow) -> str:
    """Give what stands in the place of mean IoU if there is none; empty if it was measured."""
    if row.artifact.path is None:
        return "not made"
    if row.run is None:
        return STATUS_WORDS["not_run"]
    return "" if row.run.status == "measured" else STATUS_WORDS[row.run.status]


def shown_verdict(row: MatrixRow) -> str | None:
    """Give the artifact's verdict, but no "pass" beside a run that was not measured: it says nothing about that
    runtime.
    """
    status = row.artifact.verdict.status
    unmeasured = row.run is not None and row.run.status != "measured"
    return None if unmeasured and status == "pass" else status


def matrix(document: ReportDocument) -> list[MatrixRow]:
    """Make a row for every run at the default output size, and one for every artifact without runs."""
    nothing: tuple[Run | None, ...] = (None,)
    return [
        MatrixRow(artifact, run)
        for artifact in document.artifacts
        for run in (default_runs(document, artifact) or nothing)
    ]


def default_runs(document: ReportDocument, artifact: ArtifactEntry) -> list[Run]:
    """Find the runs at the size of the reference's answer; all of an artifact that has one size."""
    size = document.reference.evaluated_at
    return [run for run in artifact.runs if run.signature is None or run.output_size in (size, None)]


def judging_run(document: ReportDocument, artifact: ArtifactEntry) -> Run | None:
    """Choose of the runs on most pictures the one that lost most: what an artifact is worth in its least kind
    runtime.
    """
    runs = default_runs(document, artifact)
    measured = [run for run in runs if run.status == "measured" and run.miou is not None]
    most = max((run.images or 0 for run in measured), default=0)
    candidates = [run for run in measured if (run.images or 0) == most]
    return min(candidates, key=lambda run: run.delta_miou if run.delta_miou is not None else 0.0, default=None)


@dataclass
class Gap:
    """Something that was not measured, with all the runs that share the reason."""

    what: str
    status: str
    reason: str
    where: list[str] = field(default_factory=list)


def gaps(document: ReportDocument) -> list[Gap]:
    """Collect what was not measured and why, equal reasons together, failures first."""
    found: dict[tuple[str, str, str], Gap] = {}

    def note(what: str, status: str, reason: str | None, where: str) -> None:
        key = (what, status, reason or "no reason was recorded")
        places = found.setdefault(key, Gap(*key)).where
        if where not in places:
            places.append(where)

    for artifact in document.artifacts:
        if artifact.path is None:
            note("conversion", "failed", "; ".join(artifact.verdict.reasons), artifact.name)
        elif not artifact.runs:
            note("accuracy and latency", "not_run", "no runtime was asked to run it", artifact.name)
        for run in artifact.runs:
            where = f"{artifact.name} in {run.title}"
            if run.signature is not None and run.output_size is not None and run.status == "failed":
                where += f" at {run.output_size[0]} x {run.output_size[1]}"
            latency = run.latency_status or ("measured" if run.latency_ms else "not_run")
            if run.status == latency != "measured" and run.reason == run.latency_reason:
                note("accuracy and latency", latency, run.reason, where)
                continue
            if run.status != "measured":
                note("accuracy", run.status, run.reason, where)
            if latency != "measured":
                note("latency", latency, run.latency_reason, where)
    return sorted(found.values(), key=lambda gap: gap.status != "failed")


@dataclass(frozen=True)
class Summary:
    """The answer first.

    Attributes:
        status: "pass", "fail" or "not_run" over all artifacts.
        headline: the verdict in a sentence.
        details: sentences that put figures to it.
    """

    status: str
    headline: str
    details: tuple[str, ...]


def summarize(document: ReportDocument) -> Summary:
    """Sum up the verdict over all artifacts; one fail fails, and what was not judged is no pass."""
    by_status: dict[str, list[str]] = {"pass": [], "fail": [], "not_run": []}
    for artifact in document.artifacts:
        by_status[artifact.verdict.status].append(artifact.name)
    broken = [check for check in document.checks if check.status == "fail" and check.artifact is None]
    headline = " ".join(
        [f"The score means nothing: {why}." for why in document.meaningless]
        + [f"Check {check.name} failed: {check.message}." for check in broken]
        + [_headline(len(document.artifacts), by_status)]
    )
    status = (
        "fail"
        if by_status["fail"] or broken
        else "not_run"
        if by_status["not_run"] or not document.artifacts
        else "pass"
    )
    if not document.dataset.labels:
        headline = headline.replace(
            "accuracy limits", "limits of agreement with the float network (there were no labels)"
        )
    notice = () if document.dataset.labels else (NOTICE,)
    return Summary(status, headline, (*notice, *_details(document)))


def _headline(total: int, by_status: dict[str, list[str]]) -> str:
    passed, failed, unjudged = by_status["pass"], by_status["fail"], by_status["not_run"]
    if not total:
        return "There are no artifacts to judge."
    if len(passed) == total:
        return (
            "The artifact keeps its accuracy limits."
            if total == 1
            else f"All {total} artifacts keep their accuracy limits."
        )
    if len(unjudged) == total:
        return "No artifact could be judged here."
    parts = []
    if failed:
        parts.append(
            f"{len(failed)} of {counted(total, 'artifact')} {_verb(failed, 'fails', 'fail')}: {listed(failed)}"
        )
    if unjudged:
        parts.append(f"{len(unjudged)} of {counted(total, 'artifact')} could not be judged here: {listed(unjudged)}")
    if passed:
        parts.append(f"the other {len(passed)} {_verb(passed, 'keeps its', 'keep their')} accuracy limits")
    return "; ".join(parts) + "."


def _any_worse(judged: Sequence[tuple[ArtifactEntry, Run]]) -> bool:
    return any(run.finding == "worse" for _, run in judged)


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many


def _details(document: ReportDocument) -> list[str]:
    judged = [
        (artifact, run)
        for artifact in document.artifacts
        if (run := judging_run(document, artifact)) is not None and run.delta_miou is not None
    ]
    sentences = []
    if judged:
        artifact, run = min(judged, key=lambda pair: pair[1].delta_miou or 0.0)
        largest = f"{points(run.delta_miou)} ({artifact.name})"
        if not largest.startswith("-"):
            sentences.append("No artifact lost mean IoU.")
        elif all(run.finding in ("no difference shown", "better") for _, run in judged):
            sentences.append(f"No loss of mean IoU is shown to be more than chance; the largest is {largest}.")
        elif "too few images to tell" in {run.finding for _, run in judged} and not _any_worse(judged):
            sentences.append(f"The pictures are too few to tell; the largest loss of mean IoU is {largest}.")
        else:
            sentences.append(f"The largest loss of mean IoU is {largest}.")
    passing = [item for item in document.artifacts if item.verdict.status == "pass" and item.size_bytes is not None]
    if passing:
        smallest = min(passing, key=lambda item: item.size_bytes or 0)
        sentences.append(f"The smallest that passes is {smallest.name} at {megabytes(smallest.size_bytes)}.")
    timed = [
        (run.latency_ms.p50, item.name, run.title)
        for item in passing
        for run in default_runs(document, item)
        if run.latency_ms is not None
    ]
    if timed:
        time, name, runtime = min(timed)
        sentences.append(f"The fastest that passes is {name} at {milliseconds(time)} ms median in {runtime}.")
    return sentences
