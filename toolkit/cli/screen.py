"""Print for the commands: progress on stderr, results on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.apps.web_demo.exporting import Demo
    from toolkit.devices.bundle import Bundle
    from toolkit.document.outcome import Outcome
    from toolkit.progress import Progress
    from toolkit.stages.convert import Conversions


class Screen:
    """Show progress and results of one command.

    Args:
        quiet: show no progress.
    """

    def __init__(self, quiet: bool) -> None:
        from converters.tools.capture import terminal
        from toolkit.progress import ConsoleProgress, SilentProgress, plain_console

        # Converters' own output is captured by descriptor; the display writes to what standard error was before.
        self.progress: Progress = SilentProgress() if quiet else ConsoleProgress(plain_console(terminal()))
        self._console = plain_console()

    def show_report(self, outcome: Outcome) -> None:
        """Print the table, and where the report lies."""
        from toolkit.report import render_terminal

        render_terminal(outcome.report, self._console)
        self._show_place(outcome)

    def show_coverage(self, outcome: Outcome) -> None:
        """Print every artifact in every backend: what there is of it, and how to get what there is not."""
        from toolkit.report.coverage import render_coverage

        render_coverage(outcome.report, str(outcome.folder.root), self._console)
        self._show_place(outcome)

    def show_artifacts(self, conversions: Conversions) -> None:
        """Print one line per artifact, failures with their reason."""
        from rich.text import Text

        from toolkit.report.content.figures import megabytes

        for outcome in conversions.outcomes:
            if outcome.artifact is None:
                failed = Text.assemble(("failed", "red"), f" {outcome.conversion.name}: {outcome.error}")
                self._console.print(failed, soft_wrap=True, highlight=False)
            else:
                state = "reused" if outcome.reused else f"{outcome.seconds:.1f} s"
                size = megabytes(outcome.artifact.size_bytes)
                self._console.print(f"{size:>10}  {outcome.artifact.path}  ({state})", soft_wrap=True, highlight=False)

    def show_exported(self, runs: int, out: Path) -> None:
        """Print how many runs a result holds, and what to do with it."""
        self._console.print(
            f"{runs} runs in {out}; where the same files lie: segport report RUN --merge {out.name}",
            soft_wrap=True,
            highlight=False,
        )

    def show_bundle(self, bundle: Bundle, folder: Path) -> None:
        """Print what was packed, and what to do with it."""
        self._console.print(
            f"{bundle.size_bytes / 1e6:.2f} MB  {bundle.path}  ({', '.join(bundle.artifacts)}; {bundle.pictures} "
            "pictures)\n"
            f"On a Mac: unzip it and run `python measure.py`; then here: segport report {folder} --merge result.json",
            soft_wrap=True,
            highlight=False,
        )

    def show_web_demo(self, demo: Demo) -> None:
        """Print what lies in it, what does not and why, and how to look at it."""
        for reason in demo.left_out:
            self._console.print(reason, style="yellow", markup=False, soft_wrap=True, highlight=False)
        self._console.print(
            f"{demo.size_bytes / 1e6:.2f} MB  {demo.folder}  ({', '.join(demo.artifacts)})\n"
            f"To see it: python -m http.server --directory {demo.folder}; then open http://localhost:8000, or "
            "this machine's "
            "address on a phone",
            soft_wrap=True,
            highlight=False,
        )

    def _show_place(self, outcome: Outcome) -> None:
        self._console.print(f"Report: {outcome.folder.root / 'report.html'}", soft_wrap=True, highlight=False)
