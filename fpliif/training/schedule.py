"""Work out what changes with the step: the learning rate, and which scenes are seen."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def learning_rate(step: int, total: int, warmup: int, decay: int, peak: float) -> float:
    """Follow a linear warm-up, the peak, then half a cosine that ends at zero.

    With ``decay = total - warmup`` this is the usual cosine (I. Loshchilov and F. Hutter, ICLR 2017, without restarts).
    With less, the rate of a step before the decay does not depend on `total`, so that a training can be made longer or
    shorter while it runs and the weights so far stay those of the changed config.

    Args:
        step: 0-based step about to be taken.
        total: steps of the whole training.
        warmup: steps of the warm-up.
        decay: steps of the cosine at the end; warmup + decay <= total.
        peak: the highest rate.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - (total - decay) + 1) / decay
    return peak * 0.5 * (1.0 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def scene_order(seed: int, first: int, count: int, scenes: int) -> NDArray[np.int64]:
    """Number the scenes at places first .. first + count - 1 of an endless shuffled reading.

    Every pass over the pool is a fresh permutation that depends on (seed, pass) alone, so a resumed training reads on
    exactly where it stopped.

    Returns:
        int64 (count,), values in 0 .. scenes - 1.
    """
    places = np.arange(first, first + count)
    passes = places // scenes
    order = np.empty(count, dtype=np.int64)
    for number in np.unique(passes):
        here = passes == number
        order[here] = _permutation(seed, int(number), scenes)[places[here] % scenes]
    return order


@lru_cache(maxsize=2)
def _permutation(seed: int, number: int, scenes: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, number)).permutation(scenes)
