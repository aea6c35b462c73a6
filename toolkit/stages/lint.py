"""Lint every artifact of a run, for its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from converters import MissingToolError, SourceError
from converters.lint.linting import lint
from toolkit.document.shape import ArtifactEntry, LintEntry
from toolkit.run_folder.folder import RunFolder


def with_lint(entries: Sequence[ArtifactEntry], folder: RunFolder) -> list[ArtifactEntry]:
    """Say of each artifact what accelerators are known not to take of it, or under `lint_reason` why that is not
    known.
    """
    return [
        entry if entry.path is None else entry.model_copy(update=_lint(folder.root / entry.path)) for entry in entries
    ]


def _lint(path: Path) -> dict[str, Any]:
    """Lint one file; one that cannot be read must not cost the run its report."""
    try:
        return {"lint": [LintEntry.model_validate(found.to_json()) for found in lint(path)]}
    except (SourceError, MissingToolError) as error:
        return {"lint": [], "lint_reason": str(error)}
