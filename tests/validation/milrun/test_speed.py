"""milrun must not cost much more than the arithmetic itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from validation.milrun import Interpreter

from .building import PixelNet, convert, seeded

pytest.importorskip("coremltools")


def _fastest(*calls: Callable[[], object], rounds: int) -> list[float]:
    """Smallest time of each call, taken in turns so that all see the same machine."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            started = time.perf_counter()
            call()
            best[number] = min(best[number], time.perf_counter() - started)
    return best


@pytest.mark.slow
def test_float32_is_as_fast_as_eager_torch() -> None:
    shape = (1, 3, 256, 256)
    net = seeded(PixelNet, 11, 256)
    model = Interpreter(convert(net, shape))
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    tensor = torch.from_numpy(x)

    def eager() -> torch.Tensor:
        with torch.inference_mode():
            result: torch.Tensor = net(tensor)
        return result

    ours, theirs = _fastest(lambda: model.predict({"x": x}), eager, rounds=40)
    assert ours <= 1.25 * theirs, f"milrun {ours * 1e3:.1f} ms, torch {theirs * 1e3:.1f} ms"
