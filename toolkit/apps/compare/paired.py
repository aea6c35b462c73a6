"""Form 95 % intervals of what changed between two runs on the same pictures, picture by picture.

Needs the per-picture counts that both run folders keep in their caches. Where one lacks them (an older run, a cleared
cache, a device's result), the comparison falls back on the intervals in the reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.document.run_shape import Run, RunKey
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.run_folder.folder import RunFolder
from validation.results.run import Interval

if TYPE_CHECKING:
    from validation.accuracy.matrices import Matrices

PairedKey = tuple[str, RunKey]
"""Artifact name, and what tells its runs apart."""


@dataclass(frozen=True)
class PairedIntervals:
    """95 % intervals of B minus A by the paired bootstrap over pictures; None where no draw gave a value.

    Attributes:
        miou: of mean IoU.
        per_class: of each class's IoU, by name.
        pictures: how many both saw.
    """

    miou: Interval | None
    per_class: Mapping[str, Interval | None]
    pictures: int


def paired_intervals(
    folders: tuple[RunFolder, RunFolder], reports: tuple[ReportDocument, ReportDocument]
) -> dict[PairedKey, PairedIntervals]:
    """Form intervals for every run that both folders hold counts of, for the same pixels of the same pictures.

    See `validation.verdict.bootstrap` for the method.
    """
    from validation.verdict.bootstrap import delta_intervals

    after = {item.name: item for item in reports[1].artifacts}
    pairs = [(old, after[old.name], run) for old in reports[0].artifacts if old.name in after for run in old.runs]
    found = {}
    for old, new, run in pairs:
        mine, theirs = _matrices(folders[0], reports[0], old, run), _matrices(folders[1], reports[1], new, run)
        if mine is None or theirs is None or not mine.pairs_with(theirs):
            continue
        deltas = delta_intervals(theirs.per_image, mine.per_image)
        per_class = dict(zip(reports[0].model.classes, deltas.per_class, strict=True))
        found[old.name, run.key] = PairedIntervals(deltas.miou, per_class, len(mine.ids))
    return found


def _matrices(folder: RunFolder, report: ReportDocument, artifact: ArtifactEntry, run: Run) -> Matrices | None:
    """Load counts that belong to this report: its pictures, its file, not merged from elsewhere."""
    from validation.accuracy.matrices import MatrixStore

    if run.came_by_merge:
        return None
    found = MatrixStore(folder.matrices).load(artifact.name, run.runner, run.backend, run.signature)
    if found is None or found.dataset != report.dataset.digest or found.artifact != artifact.sha256:
        return None
    return found


def interval_words(interval: Interval | None, pictures: int) -> str:
    """Write ``95 % interval of the change [-0.52, -0.10] pt over 60 pictures: a difference is shown``."""
    if interval is None:
        return f"{pictures} pictures are too few for an interval"
    low, high = interval
    finding = "a difference is shown" if low > 0 or high < 0 else "no difference is shown"
    return f"95 % interval of the change [{low * 100:+.2f}, {high * 100:+.2f}] pt over {pictures} pictures: {finding}"
