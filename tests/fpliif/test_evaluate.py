"""Scores against scikit-learn, and what happens to classes that do not occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import f1_score, jaccard_score

from fpliif.evaluate import Scores, confusion_matrix, evaluate
from fpliif.training.pool import Pool
from segdata.labels import LabelSet
from tests.fpliif.tiny_fpliif import scrambled, tiny_config

LABELS = LabelSet("five", ("a", "b", "c", "d", "e"), ((0, 0, 0),) * 5)


def test_scores_equal_sklearn() -> None:
    rng = np.random.default_rng(0)
    truth, answer = rng.integers(0, 4, 5000), rng.integers(0, 4, 5000)
    confusion = confusion_matrix(torch.from_numpy(truth), torch.from_numpy(answer), 5)
    assert confusion.dtype == np.int64
    assert np.array_equal(confusion[:4, :4], sklearn_confusion(truth, answer))
    scores = Scores(LABELS.names, confusion)
    iou, f1 = jaccard_score(truth, answer, average=None), f1_score(truth, answer, average=None)
    assert list(scores.iou.values())[:4] == pytest.approx(list(iou))
    assert list(scores.f1.values())[:4] == pytest.approx(list(f1))
    assert scores.iou["e"] is None
    assert scores.miou == pytest.approx(iou.mean())
    assert scores.mean_f1 == pytest.approx(f1[1:].mean())


def test_ignored_pixels_do_not_count() -> None:
    truth = torch.tensor([0, 1, 255, 255])
    assert confusion_matrix(truth, torch.tensor([0, 1, 2, 3]), 5).sum() == 2


def test_evaluate_pools_over_pictures_of_an_uneven_last_batch() -> None:
    network = scrambled(tiny_config())
    rng = np.random.default_rng(1)
    pool = Pool(rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8), rng.integers(0, 5, (5, 16, 16), dtype=np.uint8))
    expected = np.zeros((5, 5), dtype=np.int64)
    with torch.no_grad():
        for image, mask in zip(pool.images, pool.masks, strict=True):
            logits = network(torch.from_numpy(image).permute(2, 0, 1)[None] / 255.0, (16, 16))
            expected += confusion_matrix(torch.from_numpy(mask), logits[0].argmax(0), 5)
    assert np.array_equal(evaluate(network, pool, LABELS, batch=2).confusion, expected)
