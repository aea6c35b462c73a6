"""Hold a finished report and the exit status it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import ExitStatus
from toolkit.run_folder.folder import RunFolder


@dataclass(frozen=True)
class Outcome:
    """A finished report.

    Attributes:
        folder: the run's folder, holding report.json, report.md and report.html.
        document: the content of report.json.
        status: what the command line exits with.
    """

    folder: RunFolder
    document: dict[str, Any]
    status: ExitStatus


def load_outcome(folder: Path) -> Outcome:
    """A report from disk; raises UsageError if the folder has none."""
    from toolkit.document.schema import load_report

    run_folder = RunFolder(folder)
    document = load_report(run_folder.report)
    status = status_of(document)
    return Outcome(run_folder, document, status)


def status_of(document: Mapping[str, Any]) -> ExitStatus:
    """The exit status a report stands for: tools that failed weigh more than gates, gates more than a picked runtime that is absent.

    Not judged is not passed, except for artifacts that none of the runtimes the user has picked takes, beside others that passed.
    """
    runs = [run for artifact in document["artifacts"] for run in artifact["runs"]]
    if any(artifact["path"] is None for artifact in document["artifacts"]):
        return ExitStatus.TOOL_FAILED
    if any("failed" in (run["status"], run["latency_status"]) for run in runs):
        return ExitStatus.TOOL_FAILED
    if any(check["status"] == "fail" for check in document.get("checks", ())):
        return ExitStatus.GATE_FAILED
    verdicts = {artifact["name"]: artifact["verdict"]["status"] for artifact in document["artifacts"]}
    if "fail" in verdicts.values():
        return ExitStatus.GATE_FAILED
    measured = {f"{run['runner']} ({run['backend']})" for run in runs if run["status"] == "measured"}
    if set(document.get("runners_absent", ())) - measured:  # another machine may have had it
        return ExitStatus.NOT_INSTALLED
    untaken = {artifact["name"] for artifact in document["artifacts"] if not artifact["runs"]}
    if document.get("runners_named") and "pass" in verdicts.values():
        verdicts = {name: status for name, status in verdicts.items() if name not in untaken}
    return ExitStatus.PASS if set(verdicts.values()) <= {"pass"} else ExitStatus.GATE_FAILED
