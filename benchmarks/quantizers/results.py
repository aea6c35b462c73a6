"""Measuring the rows, and keeping what was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.counts import cached, runner_counts
from benchmarks.quantizers.peers import Peer
from benchmarks.quantizers.setting import Setting
from converters import Artifact
from fpliif.checkpoint import replace_file
from fpliif.training.pool import Pool, open_pool

Tell = Callable[[str], None]


def measure(
    peers: Sequence[Peer], setting: Setting, split: str, images: int, latency: int, tell: Tell
) -> dict[str, Any]:
    """Accuracy of every row against the float network, then the latency of all in turns.

    Args:
        peers: the rows.
        setting: what they are given.
        split: of the drawn faces that judge.
        images: how many of them.
        latency: samples each; 0 for none.
        tell: hears what is being done.
    """
    from segdata.faces.synthetic import SyntheticFaces
    from toolkit.stages.reference import reference_runner

    side = setting.options.input_size[0]
    faces = SyntheticFaces(split, size=side, length=images)
    pool = open_pool(faces, setting.work / f"pool-{split}-{images}-{side}")
    source = setting.source
    tell(f"float reference on {images} pictures")
    reference = pixel_counts(
        "float", source.weights_sha256, faces.digest(), pool, setting, lambda: reference_runner(source, setting.options)
    )
    rows, artifacts = [], []
    for peer in peers:
        tell(f"{peer.title}: convert")
        artifact, seconds = made_artifact(peer, setting)
        tell(f"{peer.title}: {images} pictures")
        counts = pixel_counts(
            peer.name, artifact.sha256, faces.digest(), pool, setting, partial(open_runner, artifact, setting)
        )
        rows.append(
            {
                "name": peer.name,
                "title": peer.title,
                "bytes": artifact.size_bytes,
                "seconds": round(seconds, 1),
                **_drops(counts, reference, source.classes),
            }
        )
        artifacts.append(artifact)
    if latency:
        tell("latency in turns")
        for row, spread in zip(rows, _latency(artifacts, setting, pool, latency), strict=True):
            row["latency_ms"] = spread
    return {
        "images": images,
        "split": split,
        "data": faces.digest(),
        "weights_sha256": source.weights_sha256,
        "calibration": setting.calibration.pictures_digest(),
        "calibration_images": len(setting.calibration.images),
        "threads": setting.options.threads,
        "rows": rows,
    }


def made_artifact(peer: Peer, setting: Setting) -> tuple[Artifact, float]:
    """Make the artifact, or keep an earlier run's with the same pictures and weights; and tell how long it took."""
    folder = setting.work / "made" / peer.name
    stamp = {"weights": setting.source.weights_sha256, "pictures": setting.calibration.pictures_digest()}
    record = folder / "made.json"
    if record.is_file():
        known = json.loads(record.read_text())
        if known["stamp"] == stamp:
            return Artifact.from_json(known["artifact"], folder), float(known["seconds"])
    folder.mkdir(parents=True, exist_ok=True)
    peer.prepare(setting)
    started = time.perf_counter()
    artifact = peer.make(setting, folder)
    seconds = time.perf_counter() - started
    document = {"stamp": stamp, "seconds": seconds, "artifact": artifact.to_json(folder)}
    replace_file(record, json.dumps(document).encode())
    return artifact, seconds


def open_runner(artifact: Artifact, setting: Setting) -> Any:
    """Whatever runs the artifact on this machine's processor."""
    from validation.runners.litert.runner import LiteRtRunner
    from validation.runners.onnxruntime import OnnxRuntimeRunner

    threads = setting.options.threads
    if artifact.format == "onnx":
        return OnnxRuntimeRunner(artifact, "cpu", threads)
    return LiteRtRunner(artifact, "xnnpack", threads)


def pixel_counts(
    name: str, sha256: str, data: str, pool: Pool, setting: Setting, opened: Callable[[], Any]
) -> NDArray[np.int64]:
    """Confusion matrix of each picture, from an earlier run or from the runner that `opened` makes."""
    return cached(setting.work, name, [sha256, data], lambda: runner_counts(opened(), pool))


def _drops(counts: NDArray[np.int64], reference: NDArray[np.int64], classes: Sequence[str]) -> Mapping[str, Any]:
    """Return mIoU, its change and that of the class which lost most, with 95 % intervals from a paired bootstrap over
    pictures."""
    from validation.accuracy.confusion import scores
    from validation.verdict.bootstrap import delta_miou_ci95

    mine, theirs = scores(counts.sum(axis=0)), scores(reference.sum(axis=0))
    assert mine.miou is not None and theirs.miou is not None
    changes = {
        name: found - expected
        for name, found, expected in zip(classes, mine.iou, theirs.iou, strict=True)
        if found is not None and expected is not None
    }
    worst = min(changes, key=lambda name: changes[name])
    interval = delta_miou_ci95(counts, reference)
    return {
        "miou": round(mine.miou, 6),
        "delta_miou": round(mine.miou - theirs.miou, 6),
        "delta_miou_ci95": None if interval is None else [round(end, 6) for end in interval],
        "worst_class": worst,
        "worst_delta": round(changes[worst], 6),
    }


def _latency(artifacts: Sequence[Artifact], setting: Setting, pool: Pool, samples: int) -> list[dict[str, float]]:
    """Median and 90th percentile in ms of every artifact, sampled in turns so that drift hits all alike."""
    from validation.runners.base.latency_settings import LatencySettings
    from validation.timing.stopwatch import Stopwatch

    settings = LatencySettings(samples=samples)
    picture = np.asarray(pool.images[0])
    with ExitStack() as stack:
        watches = [stack.enter_context(Stopwatch(open_runner(item, setting), picture, settings)) for item in artifacts]
        for watch in watches:
            watch.warm_up()
        while any(watch.wants_more() for watch in watches):
            for watch in watches:
                if watch.wants_more():
                    watch.sample()
        return [
            {
                "p50": round(float(np.median(watch.samples_ms)), 2),
                "p90": round(float(np.percentile(watch.samples_ms, 90)), 2),
            }
            for watch in watches
        ]
