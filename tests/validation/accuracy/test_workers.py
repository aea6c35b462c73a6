"""Several workers, kept pieces and a second thread: none of them may change what is counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest

from converters import Artifact
from segdata import Dataset, LabelSet, Sample
from tests.validation.tiny_network import CLASSES, COLOURS, OUT_HEIGHT, OUT_WIDTH, damaged, picture
from validation.accuracy.counting import Task, counted
from validation.accuracy.evaluation import evaluate
from validation.accuracy.maps import LabelMaps
from validation.accuracy.pieces import PieceStore, piece_size
from validation.accuracy.result import AccuracyResult
from validation.accuracy.workers import release_workers
from validation.errors import RunnerError, ValidationError
from validation.measure import Measurements, Reference, measure_reference, measure_run
from validation.runners.onnxruntime import OnnxRuntimeRunner
from validation.runners.reference import TorchArtifact, TorchRunner


class NoisyDataset(Dataset):
    """Random pictures and masks, of the answer's size or twice that; some pixels ignored."""

    def __init__(self, count: int = 29, unreadable: int | None = None) -> None:
        self.name, self.split, self.labels = "noisy", "test", LabelSet("tiny", CLASSES, COLOURS)
        self._count, self._unreadable = count, unreadable

    def __len__(self) -> int:
        return self._count

    def sample_id(self, index: int) -> str:
        return f"noisy-{index:03d}"

    def __getitem__(self, index: int) -> Sample:
        if index == self._unreadable:
            raise ValidationError("this picture cannot be read")
        random = np.random.default_rng(index)
        factor = 1 + index % 2
        mask = random.integers(0, len(CLASSES), (OUT_HEIGHT * factor, OUT_WIDTH * factor)).astype(np.uint8)
        mask[random.random(mask.shape) < 0.1] = 255
        return Sample(self.sample_id(index), picture(index, *mask.shape), mask)

    def fingerprint(self) -> str:
        return str(self._count)


@pytest.fixture(scope="module", autouse=True)
def no_processes_left() -> Iterator[None]:
    yield
    release_workers()


@pytest.fixture(scope="module")
def maps(float_artifact: TorchArtifact, tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    path = tmp_path_factory.mktemp("maps") / "reference.npy"
    return measure_reference(TorchRunner(float_artifact), NoisyDataset(), path).maps


def same(one: AccuracyResult, two: AccuracyResult) -> bool:
    def plain(result: AccuracyResult) -> list[object]:
        values = [getattr(result, field.name) for field in dataclasses.fields(result)]
        values += [result.boundary.counts if result.boundary else None]
        return [
            value.tolist() if isinstance(value, np.ndarray) else value
            for value in values
            if not hasattr(value, "counts")
        ]

    return plain(one) == plain(two)


def serial(artifact: Artifact, maps: LabelMaps, **options: object) -> AccuracyResult:
    with OnnxRuntimeRunner(artifact) as runner:
        return evaluate(runner, NoisyDataset(), references=maps, **options)  # type: ignore[arg-type]


def test_a_second_thread_changes_nothing(artifacts: dict[str, Artifact], maps: LabelMaps) -> None:
    """Against counts made here, one picture after the other."""
    result = serial(artifacts["onnx-float32"], maps)
    with OnnxRuntimeRunner(artifacts["onnx-float32"]) as runner:
        alone = [next(counted(runner, NoisyDataset(), [index], Task(maps))) for index in range(29)]
    np.testing.assert_array_equal(result.per_image, np.concatenate([piece.per_image for piece in alone]))
    assert result.flips is not None
    assert result.boundary is not None
    np.testing.assert_array_equal(
        result.flips, sum(piece.flips.sum(axis=0) for piece in alone if piece.flips is not None)
    )
    np.testing.assert_array_equal(result.boundary.counts, sum(piece.boundary.sum(axis=0) for piece in alone))
    assert result.sample_ids == tuple(f"noisy-{index:03d}" for index in range(29))
    assert result.masks_resized


@pytest.mark.parametrize("workers", [2, 3])
def test_results_do_not_depend_on_the_number_of_workers(
    workers: int, artifacts: dict[str, Artifact], maps: LabelMaps, float_artifact: TorchArtifact, tmp_path: Path
) -> None:
    references: list[Reference] = []
    runs = []
    for count in (1, workers):
        path, ticks = tmp_path / f"{count}.npy", []
        reference = measure_reference(TorchRunner(float_artifact), NoisyDataset(), path, workers=count)
        what = Measurements(NoisyDataset(), reference, None, memory=False, workers=count)
        runs.append(
            measure_run(
                OnnxRuntimeRunner, artifacts["onnx-float32"], what, progress=lambda *tick, into=ticks: into.append(tick)
            )
        )
        references.append(reference)
        assert ticks[-1] == (29, 29)
        assert [done for done, _ in ticks] == sorted(done for done, _ in ticks)
    assert runs[0].to_json() == runs[1].to_json()
    assert len(runs[0].worst_images) == 5
    assert references[0].to_json() == references[1].to_json()
    np.testing.assert_array_equal(references[0].maps.open(), references[1].maps.open())
    assert same(references[0].accuracy, references[1].accuracy)


def test_a_dask_cluster_serves_the_same_call(artifacts: dict[str, Artifact], maps: LabelMaps) -> None:
    from distributed import Client, LocalCluster

    alone = serial(artifacts["onnx-float32"], maps)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        spread = evaluate(OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(), references=maps, workers=2)
    assert same(alone, spread)


def test_threads_may_be_workers_too(artifacts: dict[str, Artifact], maps: LabelMaps) -> None:
    with joblib.parallel_config(backend="threading"):
        spread = evaluate(OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(), references=maps, workers=3)
    assert same(serial(artifacts["onnx-float32"], maps), spread)


def test_errors_of_workers_are_those_of_one_process(artifacts: dict[str, Artifact], tmp_path: Path) -> None:
    broken = OnnxRuntimeRunner(damaged(artifacts["onnx-float32"], tmp_path))
    with pytest.raises(RunnerError, match=r"onnxruntime .* failed on onnx-float32"):
        evaluate(broken, NoisyDataset(), workers=2)
    with pytest.raises(ValidationError, match="cannot be read"):
        evaluate(OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(unreadable=20), workers=2)

    class Bound(NoisyDataset):
        generator = (number for number in range(3))

        def __init__(self) -> None:
            super().__init__()
            self.kept = self.generator

    with pytest.raises(ValidationError, match="--workers 1"):
        evaluate(OnnxRuntimeRunner(artifacts["onnx-float32"]), Bound(), workers=2)


class Killed(BaseException):
    """Nothing may catch it, as nothing catches a kill."""


class DyingRunner(OnnxRuntimeRunner):
    """Dies after some pictures."""

    left = 0

    def _invoke(self) -> None:
        if not type(self).left:
            raise Killed
        type(self).left -= 1
        super()._invoke()


def test_a_killed_validation_continues(artifacts: dict[str, Artifact], maps: LabelMaps, tmp_path: Path) -> None:
    undisturbed = serial(artifacts["onnx-float32"], maps)
    store = PieceStore(tmp_path / "pieces")
    for left in (3, 12, 12):
        DyingRunner.left = left
        with pytest.raises(Killed), DyingRunner(artifacts["onnx-float32"]) as runner:
            evaluate(runner, NoisyDataset(), references=maps, store=store)
    DyingRunner.left = 10_000
    ticks: list[int] = []
    with DyingRunner(artifacts["onnx-float32"]) as runner:
        result = evaluate(
            runner, NoisyDataset(), references=maps, store=store, progress=lambda done, _: ticks.append(done)
        )
    assert same(undisturbed, result)
    assert 10_000 - DyingRunner.left == 1 + 29 - 2 * piece_size(
        29
    )  # one to see that nothing changed, and those not counted
    assert ticks[:3] == [8, 16, 17]
    again = evaluate(
        OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(), references=maps, workers=2, store=store
    )
    assert same(undisturbed, again)  # another runner: nothing of the first is used
    store.clear()
    assert not store.folder.exists()


def test_pieces_of_other_circumstances_are_not_used(
    artifacts: dict[str, Artifact], maps: LabelMaps, tmp_path: Path
) -> None:
    store = PieceStore(tmp_path / "pieces")
    runner = OnnxRuntimeRunner(artifacts["onnx-float32"])
    task = Task(maps)
    book = store.book(runner, NoisyDataset(), range(29), 8, task)
    others = [
        store.book(OnnxRuntimeRunner(artifacts["onnx-float32"], threads=2), NoisyDataset(), range(29), 8, task),
        store.book(
            OnnxRuntimeRunner(dataclasses.replace(artifacts["onnx-float32"], sha256="1" * 64)),
            NoisyDataset(),
            range(29),
            8,
            task,
        ),
        store.book(runner, NoisyDataset(30), range(29), 8, task),
        store.book(runner, NoisyDataset(), range(28), 8, task),
        store.book(runner, NoisyDataset(), range(29), 9, task),
        store.book(runner, NoisyDataset(), range(29), 8, Task()),
        store.book(runner, NoisyDataset(), range(29), 8, Task(maps, judge_at="original")),
    ]
    assert len({other.folder for other in [book, *others]}) == 8


def test_damaged_and_outdated_pieces_are_counted_again(
    artifacts: dict[str, Artifact], maps: LabelMaps, tmp_path: Path
) -> None:
    undisturbed = serial(artifacts["onnx-float32"], maps)
    store = PieceStore(tmp_path / "pieces")
    serial(artifacts["onnx-float32"], maps, store=store)
    files = sorted(store.folder.rglob("*.npz"))
    assert len(files) == 4
    files[1].write_bytes(files[1].read_bytes()[:100])
    files[2].write_bytes(b"")
    assert same(undisturbed, serial(artifacts["onnx-float32"], maps, store=store))
    book = store.book(
        OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(), range(29), piece_size(29), Task(maps)
    )
    piece = book.load(0)
    assert piece is not None
    book.save(0, dataclasses.replace(piece, per_image=piece.per_image + np.uint32(1)))
    assert same(undisturbed, serial(artifacts["onnx-float32"], maps, store=store))


def test_pieces_stay_few() -> None:
    assert [piece_size(count) for count in (1, 1000, 10_000, 100_000, 10**6)] == [8, 8, 10, 100, 256]


def test_a_picture_that_cannot_be_read_stops_the_second_thread(artifacts: dict[str, Artifact]) -> None:
    with OnnxRuntimeRunner(artifacts["onnx-float32"]) as runner:
        found = counted(runner, NoisyDataset(unreadable=2), range(5), Task())
        assert next(found).ids == ("noisy-000",)
        with pytest.raises(ValidationError, match="cannot be read"):
            list(found)
    assert list(counted(OnnxRuntimeRunner(artifacts["onnx-float32"]), NoisyDataset(), [], Task())) == []
