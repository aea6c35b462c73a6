"""Accuracy over a dataset, against counting by hand."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn import metrics

from converters import Artifact
from segdata import LabelSet, Sample
from tests.validation.tiny_network import CLASSES, OUT_HEIGHT, OUT_WIDTH, MemoryDataset, picture
from validation.accuracy.evaluation import evaluate, reference_maps
from validation.accuracy.maps import LabelMaps
from validation.accuracy.result import spread
from validation.errors import RunnerError, ValidationError
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.reference import TorchArtifact, TorchRunner
from validation.verdict.against_reference import compare_with_reference

LogitsOf = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def test_counts_equal_scikit_learn_over_all_pictures(
    float_artifact: TorchArtifact, dataset: MemoryDataset, logits_of: LogitsOf
) -> None:
    with TorchRunner(float_artifact) as runner:
        result = evaluate(runner, dataset)
    truth, predicted = [], []
    for sample in dataset:
        nearest = Image.fromarray(sample.mask).resize((OUT_WIDTH, OUT_HEIGHT), Image.Resampling.NEAREST)
        truth.append(np.asarray(nearest).reshape(-1))
        predicted.append(logits_of(sample.image).argmax(axis=2).reshape(-1))
    t, p = np.concatenate(truth), np.concatenate(predicted)
    seen = t != 255
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(t[seen], p[seen], labels=range(4)))
    assert result.scores.miou == pytest.approx(metrics.jaccard_score(t[seen], p[seen], average="macro"))
    assert (result.images, result.evaluated_at, result.masks_resized) == (12, (OUT_HEIGHT, OUT_WIDTH), True)
    assert result.per_image.shape == (12, 4, 4)
    assert result.pixel_agreement is None


def test_original_size_judges_answers_on_each_pictures_own_mask(
    float_artifact: TorchArtifact, dataset: MemoryDataset, logits_of: LogitsOf
) -> None:
    with TorchRunner(float_artifact) as runner:
        result = evaluate(runner, dataset, judge_at="original")
    truth, predicted = [], []
    for sample in dataset:
        answer = Image.fromarray(logits_of(sample.image).argmax(axis=2).astype(np.uint8))
        height, width = sample.mask.shape
        truth.append(sample.mask.reshape(-1))
        predicted.append(np.asarray(answer.resize((width, height), Image.Resampling.NEAREST)).reshape(-1))
    t, p = np.concatenate(truth), np.concatenate(predicted)
    seen = t != 255
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(t[seen], p[seen], labels=range(4)))
    assert (result.judged_at, result.evaluated_at, result.masks_resized) == ("original", (OUT_HEIGHT, OUT_WIDTH), False)


def test_artifact_is_compared_with_the_reference(
    float_artifact: TorchArtifact, artifacts: dict[str, Artifact], dataset: MemoryDataset, tmp_path: Path
) -> None:
    with TorchRunner(float_artifact) as runner:
        maps, reference = reference_maps(runner, dataset, tmp_path / "reference.npy")
    with LiteRtRunner(artifacts["tflite-float32"]) as runner:
        same = evaluate(runner, dataset, references=maps)
    with LiteRtRunner(artifacts["tflite-int8_static"]) as runner:
        coarse = evaluate(runner, dataset, references=maps, record=tmp_path / "int8.npy")
    assert same.pixel_agreement == 1.0
    assert compare_with_reference(same, reference).delta_miou == 0.0
    mine, theirs = np.load(tmp_path / "int8.npy"), np.load(tmp_path / "reference.npy")
    assert coarse.pixel_agreement == pytest.approx(np.mean(mine == theirs))
    assert 0.5 < coarse.pixel_agreement < 1.0
    np.testing.assert_array_equal(
        coarse.flips, metrics.confusion_matrix(theirs.reshape(-1), mine.reshape(-1), labels=range(4))
    )
    comparison = compare_with_reference(coarse, reference, resamples=500)
    assert comparison.delta_miou == pytest.approx(coarse.scores.miou - reference.scores.miou)
    assert comparison.delta_miou_ci95[0] <= comparison.delta_miou <= comparison.delta_miou_ci95[1]


def test_limited_run_is_compared_on_its_own_pictures(
    float_artifact: TorchArtifact, artifacts: dict[str, Artifact], dataset: MemoryDataset, tmp_path: Path
) -> None:
    with TorchRunner(float_artifact) as runner:
        maps, reference = reference_maps(runner, dataset, tmp_path / "reference.npy")
    with LiteRtRunner(artifacts["tflite-float32"], "reference") as runner:
        result = evaluate(runner, dataset, references=maps)
    assert result.indices == (3, 9)
    assert result.sample_ids == ("tiny-003", "tiny-009")
    assert result.pixel_agreement == 1.0
    comparison = compare_with_reference(result, reference)
    assert comparison.delta_miou == 0.0
    assert result.scores.miou != pytest.approx(reference.scores.miou)


def test_worst_images_and_progress(float_artifact: TorchArtifact, dataset: MemoryDataset) -> None:
    seen: list[tuple[int, int]] = []
    with TorchRunner(float_artifact) as runner:
        result = evaluate(runner, dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]
    by_id = dict(result.image_scores())
    assert list(by_id) == [f"tiny-{index:03d}" for index in range(12)]
    worst = result.worst_images(3)
    assert [score for _, score in worst] == sorted(by_id.values())[:3]
    assert all(by_id[name] == score for name, score in worst)


def test_picture_of_ignored_pixels_counts_for_nothing(float_artifact: TorchArtifact) -> None:
    def mask_of(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        return np.full(image.shape[:2], 255 if index == 1 else index, np.uint8)

    with TorchRunner(float_artifact) as runner:
        result = evaluate(runner, MemoryDataset(3, mask_of))
    assert result.per_image[1].sum() == 0
    assert result.image_scores()[1] == ("tiny-001", None)
    assert "tiny-001" not in dict(result.worst_images(3))
    everything = MemoryDataset(2, lambda image, index: np.full(image.shape[:2], 255, np.uint8))
    with TorchRunner(float_artifact) as runner:
        nothing = evaluate(runner, everything)
    assert nothing.scores.miou is None
    assert nothing.scores.pixel_accuracy is None
    assert compare_with_reference(nothing, nothing).delta_miou is None


class LargePictures(MemoryDataset):
    """Pictures of 0.8 MB each."""

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.sample_id(index), picture(index, 512, 512), np.zeros((512, 512), np.uint8))


def test_memory_does_not_grow_with_the_dataset(float_artifact: TorchArtifact) -> None:
    with TorchRunner(float_artifact) as runner:
        evaluate(runner, LargePictures(1, _flat))
        tracemalloc.start()
        try:
            evaluate(runner, LargePictures(60, _flat))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8 * 512 * 512 * 3


def _flat(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    return np.zeros(image.shape[:2], np.uint8)


def test_data_that_does_not_fit_is_refused(float_artifact: TorchArtifact, tmp_path: Path) -> None:
    with TorchRunner(float_artifact) as runner:
        with pytest.raises(ValidationError, match="no pictures"):
            evaluate(runner, MemoryDataset(0, _flat))
        with pytest.raises(ValidationError, match="tiny-000 is 5x5"):
            evaluate(runner, MemoryDataset(1, lambda image, index: np.zeros((5, 5), np.uint8)))
        with pytest.raises(ValidationError, match="class id 4"):
            evaluate(runner, MemoryDataset(1, lambda image, index: np.full(image.shape[:2], 4, np.uint8)))
        other = MemoryDataset(1, _flat)
        other.labels = LabelSet("two", ("x", "y"), ((0, 0, 0), (1, 1, 1)))
        with pytest.raises(ValidationError, match="answers with 4 classes but dataset 'tiny' has 2"):
            evaluate(runner, other)
        other.labels = LabelSet("turned", CLASSES[::-1], ((0, 0, 0),) * 4)
        with pytest.raises(ValidationError, match="another order"):
            evaluate(runner, other)
        with pytest.raises(ValidationError, match="limit of 0"):
            evaluate(runner, MemoryDataset(2, _flat), limit=0)
        with pytest.raises(ValidationError, match="whole dataset"):
            evaluate(runner, MemoryDataset(2, _flat), limit=1, record=tmp_path / "maps.npy")


def test_reference_of_another_size_is_refused(
    float_artifact: TorchArtifact, dataset: MemoryDataset, tmp_path: Path
) -> None:
    np.save(tmp_path / "maps.npy", np.zeros((12, 4, 4), np.uint8))
    with TorchRunner(float_artifact) as runner:
        with pytest.raises(ValidationError, match="one output size"):
            evaluate(runner, dataset, references=LabelMaps.at(tmp_path / "maps.npy"))
        result = evaluate(runner, dataset)
        few = evaluate(runner, dataset, limit=4)
    with pytest.raises(ValidationError, match="was not shown to the reference"):
        compare_with_reference(result, few)
    with pytest.raises(ValidationError, match="one output size"):
        compare_with_reference(dataclasses.replace(result, evaluated_at=(1, 1)), result)


def test_label_maps_appear_only_when_complete(
    float_artifact: TorchArtifact, dataset: MemoryDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail_later(self: TorchRunner) -> None:
        calls.append(1)
        if len(calls) > 5:
            raise RunnerError("the runtime gave up")
        self._answer = self._module(self._given)

    monkeypatch.setattr(TorchRunner, "_invoke", fail_later)
    with TorchRunner(float_artifact) as runner, pytest.raises(RunnerError, match="gave up"):
        reference_maps(runner, dataset, tmp_path / "new" / "maps.npy")
    assert list((tmp_path / "new").iterdir()) == []


def test_files_that_are_no_label_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="holds no label maps"):
        LabelMaps.at(tmp_path / "absent.npy")
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(ValidationError, match="holds no label maps"):
        LabelMaps.at(tmp_path / "text.npy")
    np.save(tmp_path / "float.npy", np.zeros((2, 2)))
    with pytest.raises(ValidationError, match="float64"):
        LabelMaps.at(tmp_path / "float.npy")


def test_spread_covers_the_dataset() -> None:
    assert spread(10, None) == spread(10, 10) == spread(10, 99) == tuple(range(10))
    assert spread(100, 4) == (12, 37, 62, 87)
    for count in (1, 7, 1000):
        for limit in range(1, min(count, 9)):
            chosen = spread(count, limit)
            assert len(set(chosen)) == limit
            assert 0 <= min(chosen) <= max(chosen) < count


@pytest.mark.parametrize("size", [(8, 12), (5, 7), (32, 48), (16, 24)])
def test_masks_and_pictures_are_resized_as_pillow_does(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).integers(0, 9, (16, 24), dtype=np.uint8)
    expected = Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(fit_mask(mask, *size), np.asarray(expected))
    assert fit_picture(picture(0), *size).shape == (*size, 3)
    np.testing.assert_array_equal(fit_picture(picture(0), 16, 24), picture(0))


@pytest.mark.parametrize(("size", "wanted"), [(16, 40), (24, 31), (31, 24), (7, 1), (1, 7), (1000, 333)])
def test_mask_pixels_come_from_under_the_centre(size: int, wanted: int) -> None:
    row = np.arange(size, dtype=np.uint16)[np.newaxis]
    exact = [int(Fraction(2 * index + 1, 2) * Fraction(size, wanted)) for index in range(wanted)]
    np.testing.assert_array_equal(fit_mask(row, 1, wanted)[0], exact)
