"""Refuse results of another machine that do not belong to this run."""

from __future__ import annotations

from pathlib import Path

from toolkit.devices.records import (
    OTHER_PICTURES,
    Record,
    answered,
    answered_size,
    record_of,
    reference_counts,
    sent,
    square,
)
from toolkit.devices.result import DeviceResult, DeviceRun
from toolkit.document.shape import ReportDocument
from toolkit.errors import UsageError
from toolkit.run_folder.folder import RunFolder


def check_fits(result: DeviceResult, folder: RunFolder, report: ReportDocument, path: Path) -> None:
    """Raise UsageError unless `result` measures the artifacts and pictures of this run."""
    made = {artifact.name: artifact for artifact in report.artifacts}
    for run in result.runs:
        if run.artifact not in made:
            raise UsageError(
                f"{path} measures {run.artifact}, which {folder.root} does not hold; merge it where it was made"
            )
        if made[run.artifact].sha256 != run.sha256:
            raise UsageError(
                f"{path} measures another file than the {run.artifact} in {folder.root} (sha256 differs); "
                "make a new bundle and measure that"
            )
    if all(run.status == "not_run" for run in result.runs):
        raise UsageError(f"{path} holds no measurement ({result.runs[0].reason}); nothing to merge")
    record = record_of(result, folder)
    if record is None:
        _check_needs_no_record(result, folder, report, path)
        return
    if record["dataset"]["digest"] != report.dataset.digest:
        raise UsageError(f"{path}: {OTHER_PICTURES}, or run `segport validate` on those pictures first")
    for run in result.runs:
        if sent(record, run) is None:
            raise UsageError(f"{path} measures {run.artifact}, which was not in its bundle; make a new bundle")
        if run.pictures:
            _check_answers(run, record, path)


def _check_needs_no_record(result: DeviceResult, folder: RunFolder, report: ReportDocument, path: Path) -> None:
    """Raise UsageError if the result names what this run folder does not have."""
    if result.bundle_sha256 is not None:
        raise UsageError(f"{path} answers to a bundle that was not made from {folder.root}; merge it where it was made")
    if not any(run.pictures for run in result.runs):
        return
    if result.dataset_digest != report.dataset.digest:
        raise UsageError(
            f"{path} was judged on other pictures than {folder.root}; judge both on the same and export again"
        )
    raise UsageError(
        f"{folder.root} no longer has the float reference's counts, which {path} is compared with; run: "
        f"segport validate {folder.root}"
    )


def _check_answers(run: DeviceRun, record: Record, path: Path) -> None:
    """Refuse counts that are not of the record's pictures: same ids, and as many pixels of every true class as
    these have.
    """
    said = f"{path}: the answers of {run.artifact} on {run.backend}"
    pictures, size = answered(run, record), answered_size(record, run)
    if pictures is None:
        raise UsageError(f"{said} are not to the bundle's pictures, or not in their order; measure again")
    references = reference_counts(pictures, size)
    if references is None:
        raise UsageError(f"{said} have no float reference of their size here; run `segport validate` first")
    classes = len(record["model"]["classes"])
    for item, reference in zip(run.pictures, references, strict=True):
        counted = square(item.confusion, classes)
        if counted is None or (counted.sum(axis=1) != reference.sum(axis=1)).any():
            raise UsageError(f"{said} to {item.id} do not count the pixels of its labels; measure again")
    flips = None if run.class_flips is None else square(run.class_flips, classes)
    if flips is None or flips.sum() != size[0] * size[1] * len(run.pictures):
        raise UsageError(f"{said} do not count every pixel against the reference; measure again")
