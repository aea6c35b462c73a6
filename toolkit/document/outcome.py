"""Hold a finished report and the exit status it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.document.schema import load_report
from toolkit.document.shape import ReportDocument
from toolkit.errors import ExitStatus
from toolkit.run_folder.folder import RunFolder


@dataclass(frozen=True)
class Outcome:
    """A finished report.

    Attributes:
        folder: the run's folder, holding report.json, report.md and report.html.
        report: all that report.json holds, typed.
        status: what the command line exits with.
    """

    folder: RunFolder
    report: ReportDocument
    status: ExitStatus

    @cached_property
    def document(self) -> dict[str, Any]:
        """The content of report.json, in plain JSON types."""
        return self.report.to_json()


def load_outcome(folder: Path) -> Outcome:
    """Read a report from disk; raises UsageError if the folder has none."""
    run_folder = RunFolder(folder)
    report = load_report(run_folder.report)
    return Outcome(run_folder, report, status_of(report))


def status_of(report: ReportDocument) -> ExitStatus:
    """Give the exit status a report stands for: tools that failed weigh more than gates, gates more than a picked
    runtime that is absent.

    Not judged is not passed, except for artifacts that none of the runtimes the user has picked takes, beside others
    that passed.
    """
    runs = [run for artifact in report.artifacts for run in artifact.runs]
    if any(artifact.path is None for artifact in report.artifacts):
        return ExitStatus.TOOL_FAILED
    if any("failed" in (run.status, run.latency_status) for run in runs):
        return ExitStatus.TOOL_FAILED
    if any(check.status == "fail" for check in report.checks):
        return ExitStatus.GATE_FAILED
    verdicts = {artifact.name: artifact.verdict.status for artifact in report.artifacts}
    if "fail" in verdicts.values():
        return ExitStatus.GATE_FAILED
    measured = {f"{run.runner} ({run.backend})" for run in runs if run.status == "measured"}
    if set(report.runners_absent) - measured:  # another machine may have had it
        return ExitStatus.NOT_INSTALLED
    untaken = {artifact.name for artifact in report.artifacts if not artifact.runs}
    if report.runners_named and "pass" in verdicts.values():
        verdicts = {name: status for name, status in verdicts.items() if name not in untaken}
    return ExitStatus.PASS if set(verdicts.values()) <= {"pass"} else ExitStatus.GATE_FAILED
