"""Round each weight so that a layer's answer changes least on calibration pictures: pure functions.

Rounding to the nearest step is best for each weight alone, not for their sum. GPTQ rounds one input channel after the
other and lets those that are left make up for the error (Frantar et al. 2022, "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers", arXiv 2210.17323, algorithm 1; after Hassibi and Stork's optimal
brain surgeon). A convolution is the same sum over patches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAMPING = 0.01
"""Share of the mean diagonal that is added to it (the paper's): inputs that never vary leave the matrix singular."""


def gptq(
    weights: NDArray[np.floating], moments: NDArray[np.floating], scales: NDArray[np.floating], largest: int
) -> NDArray[np.int8]:
    """Choose integers for a layer's weights.

    Args:
        weights: (outputs, inputs); for a convolution, inputs are the places of a patch.
        moments: sum over samples of x xᵀ, (inputs, inputs), in the order of the weights' inputs.
        scales: step of each output, (outputs,), above 0.
        largest: integers go from -largest to largest.

    Returns:
        int8 (outputs, inputs); ``integers * scales[:, None]`` stand for the weights.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    outputs, inputs = weights.shape
    if moments.shape != (inputs, inputs) or scales.shape != (outputs,):
        raise ValueError(f"weights {weights.shape} do not fit moments {moments.shape} and scales {scales.shape}")
    hessian = moments.astype(np.float64)
    diagonal = np.diag(hessian).copy()
    if not diagonal.any():
        return _nearest(weights / scales[:, None], largest)
    # Inputs that matter most are rounded first, while many are left to make up for them ("act-order").
    order = np.argsort(-diagonal, kind="stable")
    hessian = hessian[np.ix_(order, order)]
    hessian[np.diag_indices(inputs)] += DAMPING * diagonal.mean()
    # Row j of the inverse's upper Cholesky factor says how the inputs behind j make up for its error.
    factor = np.linalg.cholesky(np.linalg.inv(hessian)).T
    left = weights.astype(np.float64)[:, order] / scales[:, None]
    integers = np.empty((outputs, inputs), dtype=np.int8)
    for column in range(inputs):
        integers[:, column] = _nearest(left[:, column], largest)
        error = (left[:, column] - integers[:, column]) / factor[column, column]
        left[:, column + 1 :] -= np.outer(error, factor[column, column + 1 :])
    answer = np.empty_like(integers)
    answer[:, order] = integers
    return answer


def _nearest(steps: NDArray[np.floating], largest: int) -> NDArray[np.int8]:
    nearest: NDArray[np.int8] = np.clip(np.rint(steps), -largest, largest).astype(np.int8)
    return nearest
