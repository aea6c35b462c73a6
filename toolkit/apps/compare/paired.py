"""Two runs on the same pictures, picture by picture: 95 % intervals of what changed between them.

Needs the per-picture counts that both run folders keep in their caches. Where one lacks them (an older run, a cleared cache,
a device's result), the comparison falls back on the intervals in the reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from validation.accuracy.matrices import Matrices

Interval = tuple[float, float]
PairedKey = tuple[str, Any]
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
    folders: tuple[RunFolder, RunFolder], documents: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> dict[PairedKey, PairedIntervals]:
    """Intervals for every run that both folders hold counts of, for the same pixels of the same pictures.

    See `validation.verdict.bootstrap` for the method.
    """
    pass
    from validation.verdict.bootstrap import delta_intervals

    classes = documents[0]["model"]["classes"]
    after = {item["name"]: item for item in documents[1]["artifacts"]}
    found = {}
    for old in documents[0]["artifacts"]:
        new = after.get(old["name"])
        for run in old["runs"] if new is not None else ():
            mine = _matrices(folders[0], documents[0], old, run)
            theirs = _matrices(folders[1], documents[1], new or {}, run)
            if mine is None or theirs is None or not mine.pairs_with(theirs):
                continue
            deltas = delta_intervals(theirs.per_image, mine.per_image)
            per_class = dict(zip(classes, deltas.per_class, strict=True))
            found[old["name"], run_key(run)] = PairedIntervals(deltas.miou, per_class, len(mine.ids))
    return found


def _matrices(
    folder: RunFolder, document: Mapping[str, Any], artifact: Mapping[str, Any], run: Mapping[str, Any]
) -> Matrices | None:
    """Counts that belong to this report: its pictures, its file, not merged from elsewhere."""
    from validation.accuracy.matrices import MatrixStore

    if run.get("measured_at") is not None:
        return None
    store = MatrixStore(folder.matrices)
    found = store.load(artifact["name"], run["runner"], run["backend"], run.get("signature"))
    if found is None or found.dataset != document["dataset"]["digest"] or found.artifact != artifact["sha256"]:
        return None
    return found


def interval_words(interval: Interval | None, pictures: int) -> str:
    """``95 % interval of the change [-0.52, -0.10] pt over 60 pictures: a difference is shown``."""
    if interval is None:
        return f"{pictures} pictures are too few for an interval"
    low, high = interval
    finding = "a difference is shown" if low > 0 or high < 0 else "no difference is shown"
    return f"95 % interval of the change [{low * 100:+.2f}, {high * 100:+.2f}] pt over {pictures} pictures: {finding}"


Document = Mapping[str, Any]


def run_key(run: Document) -> tuple[Any, ...]:
    """What tells the runs of one artifact apart."""
    return run["runner"], run["backend"], run.get("machine") or "", run.get("signature")
