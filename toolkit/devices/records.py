"""Look up what a result from elsewhere answers to: the pictures of a bundle, or those that judge the run itself.

Both are one shape, that of bundle.json: artifacts with what comes out of each, and pictures with the float reference's
counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.devices.result import DeviceResult, DeviceRun
from toolkit.errors import UsageError
from toolkit.run_folder.folder import RunFolder

OTHER_PICTURES = "its answers are to pictures that no longer judge this run; make a new bundle, or measure again"
Record = Mapping[str, Any]
"""Artifacts and pictures that a result answers to."""


def record_of(result: DeviceResult, folder: RunFolder) -> Record | None:
    """Find what `result` answers to; None if this run folder does not have it, or the result counts no answers."""
    if result.bundle_sha256 is not None:
        return bundle_record(folder, result.bundle_sha256)
    if result.dataset_digest is not None:
        return _run_record(folder, result.dataset_digest)
    return None


def bundle_record(folder: RunFolder, digest: str) -> Record | None:
    """Read what went into the bundle of this hash, or None if this run folder made no such bundle."""
    path = record_path(folder, digest)
    if not path.is_file():
        return None
    try:
        found: Record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is damaged ({error}); make the bundle again") from error
    return found


def _run_record(folder: RunFolder, digest: str) -> Record | None:
    """Record the run's own artifacts, and the pictures that judge it, if the float reference's counts of these are
    kept.
    """
    from validation.accuracy.matrices import MatrixStore

    manifest, store = folder.load_manifest(), MatrixStore(folder.matrices)
    artifacts = [_views(item) for item in manifest["artifacts"]]
    sizes = {(view["output"]["height"], view["output"]["width"]) for views in artifacts for view in views}
    kept = {size: found for size in sorted(sizes) if (found := store.load_reference(size)) is not None}
    if not kept or any(found.dataset != digest for found in kept.values()):
        return None
    ids = next(iter(kept.values())).ids
    pictures = [
        {
            "id": name,
            "index": index,
            "maps": {
                f"{size[0]}x{size[1]}": {"reference_confusion": found.per_image[index]} for size, found in kept.items()
            },
        }
        for index, name in enumerate(ids)
    ]
    return {
        "model": manifest["model"],
        "dataset": {"digest": digest},
        "artifacts": [view for views in artifacts for view in views],
        "pictures": pictures,
    }


def _views(artifact: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe the artifact at each of its output sizes."""
    several = artifact.get("signatures") or [{"name": None, "output": artifact["output"]}]
    return [{**artifact, "signature": item["name"], "output": item["output"]} for item in several]


def sent(record: Record, run: DeviceRun) -> Mapping[str, Any] | None:
    """Find what the record says of the artifact (and signature, if the run names one) that was measured.

    None if it has no such.
    """
    for item in record["artifacts"]:
        same = run.signature is None or item.get("signature") == run.signature
        if (item["name"], item["sha256"]) == (run.artifact, run.sha256) and same:
            found: Mapping[str, Any] = item
            return found
    return None


def output_size(item: Mapping[str, Any]) -> tuple[int, int]:
    """Give (height, width) of what a record's artifact answers."""
    return int(item["output"]["height"]), int(item["output"]["width"])


def answered(run: DeviceRun, record: Record) -> Sequence[Mapping[str, Any]] | None:
    """Find the record's pictures that `run` answered to; None unless it answered to them in their order.

    A bundle's must all be answered; of the run's own a slow device may have seen a part.
    """
    ids = [item.id for item in run.pictures]
    pictures: list[Mapping[str, Any]] = record["pictures"]
    if "files" not in record:
        wanted = set(ids)
        pictures = [item for item in pictures if item["id"] in wanted]
    return pictures if [item["id"] for item in pictures] == ids else None


def reference_counts(pictures: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> list[NDArray[np.int64]] | None:
    """Give the float reference's confusion matrix of each picture at one output size; None if they are not kept."""
    key = f"{size[0]}x{size[1]}"
    if any(key not in item["maps"] for item in pictures):
        return None
    return [np.asarray(item["maps"][key]["reference_confusion"], dtype=np.int64) for item in pictures]


def square(rows: list[list[int]], classes: int) -> NDArray[np.int64] | None:
    """Make a (classes, classes) matrix, or None if it is not one."""
    if len(rows) != classes or any(len(row) != classes for row in rows):
        return None
    return np.asarray(rows, dtype=np.int64)


def answered_size(record: Record, run: DeviceRun) -> tuple[int, int]:
    """Give (height, width) of what a run answered, which `check_fits` has found in the record."""
    item = sent(record, run)
    assert item is not None
    return output_size(item)


def record_path(folder: RunFolder, digest: str) -> Path:
    """Say where a run folder keeps what went into the bundle of this hash."""
    return folder.root / "bundles" / f"{digest}.json"
