from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.claims import sizes
from benchmarks.claims.counts import cached, held_out, summary
from fpliif.config import FPLIIFConfig
from fpliif.network import FPLIIF


@pytest.fixture(scope="module")
def network() -> FPLIIF:
    torch.manual_seed(0)
    config = FPLIIFConfig(
        classes=11, widths=(4, 4, 8), blocks=(1, 1, 1), reduce_width=8, feature_width=8, pixel_width=8
    )
    return FPLIIF(config).eval()


def test_shared_encoder_answers_as_the_network_at_every_size(network: FPLIIF) -> None:
    picture = torch.rand(1, 3, 64, 64)
    with pytest.MonkeyPatch.context() as patched, torch.inference_mode():
        patched.setattr(sizes, "SIDE", 64)
        encoder, heads = sizes.shared_encoder(network, (16, 48, 64))
        for size, head in heads.items():
            torch.testing.assert_close(head(encoder(picture)), network(picture, (size, size)), atol=1e-4, rtol=1e-4)


def test_three_ways_are_what_they_say() -> None:
    native = torch.zeros(1, 2, 4, 4)
    native[0, 1, :, 2:] = torch.tensor([3.0, -1.0])
    native[0, 0, :, 1] = 2.0
    own = torch.zeros(1, 2, 2, 2)
    own[0, 1, 0, 0] = 1.0
    mine, by_logits, by_labels = sizes.three_ways(own, native)
    np.testing.assert_array_equal(mine, [[1, 0], [0, 0]])
    # Logits of the right half average to (0, 1): class 1; labels there are read at column 3: class 0.
    np.testing.assert_array_equal(by_logits, [[0, 1], [0, 1]])
    np.testing.assert_array_equal(by_labels, [[0, 0], [0, 0]])


def test_counts_hold_every_pixel_of_every_drawn_mask(network: FPLIIF, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sizes, "SIDE", 64)
        counts = sizes.size_counts(network, 2, tmp_path, lambda *done: told.append(done), sizes=(32, 64))
    assert told == [(1, 2), (2, 2)]
    assert counts.shape == (2, 2, 3, 11, 11)
    for index in range(2):
        masks = held_out(2, 64).masks_at(index, (32, 64))
        for place, size in enumerate((32, 64)):
            truth = np.bincount(masks[size].reshape(-1), minlength=11)
            for way in range(3):
                np.testing.assert_array_equal(counts[index, place, way].sum(axis=1), truth)
    # At its native size there is nothing to resize.
    np.testing.assert_array_equal(counts[:, 1, 0], counts[:, 1, 1])
    np.testing.assert_array_equal(counts[:, 1, 0], counts[:, 1, 2])


def test_counts_are_made_again_only_when_something_they_depend_on_changed(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> np.ndarray:
        made.append(1)
        return np.full((1, 2, 2), len(made))

    first = cached(tmp_path, "x", ["a", 1], make)
    np.testing.assert_array_equal(cached(tmp_path, "x", ["a", 1], make), first)
    assert cached(tmp_path, "x", ["a", 2], make)[0, 0, 0] == 2


def test_summary_pairs_pictures() -> None:
    worse = np.array([[[8, 2], [2, 8]]] * 4)
    better = np.array([[[9, 1], [1, 9]]] * 4)
    found = summary(better, worse)
    assert found["miou"] == pytest.approx(9 / 11, abs=1e-6)
    assert found["mean_f1"] == pytest.approx(0.9)
    assert found["delta_miou"] == pytest.approx(9 / 11 - 8 / 12, abs=1e-6)
    # Every picture is the same, so no draw can differ.
    assert found["delta_miou_ci95"] == pytest.approx([found["delta_miou"]] * 2, abs=1e-6)
