"""Programs as a whole: control flow, lists, states, several functions, classifiers, flexible shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from validation.milrun import ExecutionError, Interpreter, ModelFileError, PredictInputError
from validation.milrun.compiled import steps as milrun_steps

from .building import convert, only, program, seeded

ct = pytest.importorskip("coremltools")


def test_cond_runs_one_branch(tmp_path: Path) -> None:
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    def build(x: Any) -> Any:
        positive = mb.greater(x=mb.reduce_sum(x=x), y=0.0)
        return mb.cond(pred=positive, _true_fn=lambda: mb.mul(x=x, y=2.0), _false_fn=lambda: mb.sub(x=x, y=1.0))

    model = Interpreter(program(build, {"x": (3,)}, tmp_path))
    (name,) = [feature.name for feature in model.inputs]
    seen: list[str] = []
    up = only(model.predict({name: np.ones(3)}, observe=lambda _name, kind, _outputs: seen.append(kind)))
    assert up.tolist() == [2.0, 2.0, 2.0]
    assert "mul" in seen
    assert "sub" not in seen
    assert only(model.predict({name: -np.ones(3)})).tolist() == [-2.0, -2.0, -2.0]


def _power_loop(tmp_path: Path, target: float) -> Interpreter:
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    def build(x: Any) -> Any:
        count, value = mb.while_loop(
            _cond=lambda i, _v: mb.less(x=i, y=target),
            _body=lambda i, v: (mb.add(x=i, y=1.0), mb.mul(x=v, y=x)),
            loop_vars=(mb.const(val=0.0), mb.add(x=x, y=0.0)),
        )
        return count, value

    return Interpreter(program(build, {"x": (2,)}, tmp_path))


def test_while_loop(tmp_path: Path) -> None:
    model = _power_loop(tmp_path, 3.0)
    count, value = model.predict({model.inputs[0].name: np.array([2.0, 3.0])}).values()
    assert count.reshape(-1).tolist() == [3.0]
    assert value.tolist() == [16.0, 81.0]


def test_endless_loop_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milrun_steps, "MAX_LOOP_ITERATIONS", 50)
    model = _power_loop(tmp_path, 1e9)
    with pytest.raises(ExecutionError, match="did not end within 50"):
        model.predict({model.inputs[0].name: np.ones(2)})


def test_lists(tmp_path: Path) -> None:
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    def build(x: Any) -> Any:
        items = mb.make_list(init_length=2, elem_shape=(2,), dtype="fp32")
        items = mb.list_write(ls=items, index=0, value=x)
        items = mb.list_write(ls=items, index=1, value=mb.mul(x=x, y=3.0))
        return mb.list_gather(ls=items, indices=[1, 0]), mb.list_read(ls=items, index=1)

    model = Interpreter(program(build, {"x": (2,)}, tmp_path))
    both, second = model.predict({model.inputs[0].name: np.array([1.0, 2.0])}).values()
    assert both.tolist() == [[3.0, 6.0], [1.0, 2.0]]
    assert second.tolist() == [3.0, 6.0]


class _Counter(nn.Module):
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(2, dtype=torch.float16))

    def forward(self, x: Tensor) -> Tensor:
        """The sum of all inputs so far."""
        self.total.add_(x)
        return self.total * 1


def test_state_outlives_a_prediction() -> None:
    state = ct.StateType(wrapped_type=ct.TensorType(shape=(2,), dtype=np.float16), name="total")
    options = {"states": [state], "minimum_deployment_target": ct.target.iOS18}
    inputs = [ct.TensorType("x", (2,), dtype=np.float16)]
    model = Interpreter(convert(_Counter(), (2,), inputs=inputs, compute_precision=ct.precision.FLOAT16, **options))
    kept, x = model.make_state(), np.array([1.0, 2.0], np.float16)
    assert only(model.predict({"x": x}, state=kept)).tolist() == [1.0, 2.0]
    assert only(model.predict({"x": x}, state=kept)).tolist() == [2.0, 4.0]
    assert kept.read_state("total").tolist() == [2.0, 4.0]
    kept.write_state("total", np.array([10.0, 20.0]))
    assert only(model.predict({"x": x}, state=kept)).tolist() == [11.0, 22.0]
    assert only(model.predict({"x": x})).tolist() == [1.0, 2.0]
    with pytest.raises(PredictInputError, match="no state 'other'; its states: total"):
        kept.read_state("other")


class _Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """A convolution, scaled."""
        result: Tensor = self.conv(x) * self.factor
        return result


def test_several_functions_share_weights(tmp_path: Path) -> None:
    shape = (1, 3, 8, 8)
    description = ct.utils.MultiFunctionDescriptor()
    for name, factor in (("once", 1.0), ("twice", 2.0)):
        model = convert(seeded(_Scale, factor), shape, minimum_deployment_target=ct.target.iOS18)
        model.save(str(tmp_path / f"{name}.mlpackage"))
        description.add_function(str(tmp_path / f"{name}.mlpackage"), "main", name)
    description.default_function_name = "once"
    path = tmp_path / "both.mlpackage"
    ct.utils.save_multifunction(description, str(path))
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    once, twice = Interpreter(path), Interpreter(path, function="twice")
    assert once.functions == ("once", "twice")
    assert once.function == "once"
    np.testing.assert_allclose(only(twice.predict({"x": x})), 2 * only(once.predict({"x": x})), rtol=1e-5)
    with pytest.raises(ModelFileError, match="choose from: once, twice"):
        Interpreter(path, function="thrice")


class _Sum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        return torch.softmax(x.mean((2, 3)), dim=1)


def test_classifier_gives_label_and_table() -> None:
    config = ct.ClassifierConfig(["cat", "dog", "fox"])
    model = Interpreter(convert(_Sum(), (1, 3, 4, 4), classifier_config=config))
    x = np.zeros((1, 3, 4, 4), np.float32)
    x[0, 1] = 5
    answers = model.predict({"x": x})
    (label,) = [value for value in answers.values() if isinstance(value, str)]
    (table,) = [value for value in answers.values() if isinstance(value, dict)]
    assert label == "dog"
    assert set(table) == {"cat", "dog", "fox"}
    assert sum(table.values()) == pytest.approx(1)


def test_flexible_shapes() -> None:
    net = seeded(_Scale, 1.0)
    shapes = ct.EnumeratedShapes([(1, 3, 8, 8), (1, 3, 12, 16)], default=(1, 3, 8, 8))
    model = Interpreter(convert(net, (1, 3, 8, 8), inputs=[ct.TensorType("x", shapes)]))
    for size in ((8, 8), (12, 16)):
        x = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
        with torch.no_grad():
            np.testing.assert_allclose(only(model.predict({"x": x})), net(torch.from_numpy(x)), atol=1e-5)
    with pytest.raises(PredictInputError, match=r"\(1, 3, 8, 8\) or \(1, 3, 12, 16\)"):
        model.predict({"x": np.zeros((1, 3, 9, 9), np.float32)})
    ranged = ct.Shape((1, 3, ct.RangeDim(8, 16), ct.RangeDim(8, 16)))
    model = Interpreter(convert(net, (1, 3, 8, 8), inputs=[ct.TensorType("x", ranged)]))
    assert only(model.predict({"x": np.zeros((1, 3, 11, 13), np.float32)})).shape == (1, 4, 9, 11)
    with pytest.raises(PredictInputError, match=r"8\.\.16"):
        model.predict({"x": np.zeros((1, 3, 17, 8), np.float32)})
