"""The lint of every artifact of a run, for its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.run_folder.folder import RunFolder


def with_lint(entries: Sequence[dict[str, Any]], folder: RunFolder) -> list[dict[str, Any]]:
    """The report's `artifacts`, each with what accelerators are known not to take of it, or `lint_reason` why that is not known."""
    return [entry if entry["path"] is None else {**entry, **_lint(folder.root / entry["path"])} for entry in entries]


def _lint(path: Path) -> dict[str, Any]:
    """A file that the lint cannot read must not cost the run its report."""
    from converters import MissingToolError, SourceError
    from converters.lint.linting import lint

    try:
        return {"lint": [report.to_json() for report in lint(path)]}
    except (SourceError, MissingToolError) as error:
        return {"lint": [], "lint_reason": str(error)}
