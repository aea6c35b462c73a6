"""The lint of every artifact of a run, for its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.run_folder import RunFolder


def with_lint(entries: Sequence[dict[str, Any]], folder: RunFolder) -> list[dict[str, Any]]:
    """The report's `artifacts`, each with what accelerators are known not to take of it.

    Raises:
        SourceError: a file is damaged.
        MissingToolError: the package that reads it is not installed.
    """
    from converters.lint.linting import lint

    return [
        {**entry, "lint": [report.to_json() for report in lint(folder.root / entry["path"])]}
        if entry["path"] is not None
        else entry
        for entry in entries
    ]
