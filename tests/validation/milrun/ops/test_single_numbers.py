"""Single numbers: reductions down to one value, and lists made of single sizes in programs with open shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.validation.milrun.building import convert, only, program
from validation.milrun import Interpreter
from validation.milrun.ops.recurrent import lstm
from validation.milrun.ops.tensor_operation import concat
from validation.milrun.registry import find

ct = pytest.importorskip("coremltools")

# Name of the reduction -> what it makes of a tensor, all axes together.
_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "reduce_l1_norm": lambda x: x.abs().sum(),
    "reduce_l2_norm": lambda x: x.square().sum().sqrt(),
    "reduce_log_sum": lambda x: x.sum().log(),
    "reduce_log_sum_exp": lambda x: x.logsumexp(tuple(range(x.dim()))) if x.dim() else x,
    "reduce_max": torch.max,
    "reduce_mean": torch.mean,
    "reduce_min": torch.min,
    "reduce_prod": torch.prod,
    "reduce_sum": torch.sum,
    "reduce_sum_square": lambda x: x.square().sum(),
}


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 2, 3, 2), ()])
@pytest.mark.parametrize("kind", _REDUCTIONS)
def test_reductions_over_all_axes(kind: str, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1)) + 0.5
    answer = find(kind, 17).function(x, keep_dims=False)
    assert answer.shape == ()
    torch.testing.assert_close(answer, _REDUCTIONS[kind](x))


def test_a_reduction_over_no_axis_reduces_every_element_by_itself() -> None:
    x = torch.tensor([[-2.0, 3.0]])
    assert find("reduce_sum_square", 17).function(x, axes=[]).tolist() == [[4.0, 9.0]]
    assert find("reduce_l1_norm", 17).function(x, axes=[], keep_dims=True).tolist() == [[2.0, 3.0]]
    assert find("reduce_sum", 17).function(x, axes=[]).tolist() == [[-2.0, 3.0]]


@pytest.mark.parametrize("kind", ["reduce_argmax", "reduce_argmin"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_place_of_an_extreme_of_a_list_is_answered_with_one_axis(kind: str, keep: bool, tmp_path: Path) -> None:
    """Core ML's arrays have at least one axis, so a single number comes out with shape (1,)."""
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    def build(x: Any) -> Any:
        return getattr(mb, kind)(x=x, axis=0, keep_dims=keep)

    model = Interpreter(program(build, {"x": (5,)}, tmp_path))
    answer = only(model.predict({model.inputs[0].name: np.array([1.0, 4.0, -2.0, 0.0, 4.0])}))
    assert answer.shape == (1,)
    assert answer.dtype == np.int32
    assert answer.tolist() == ([1] if kind == "reduce_argmax" else [2])


class _Fn(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.einsum("i,i->", x, x + 1.0),
        lambda x: torch.dot(x, x),
        torch.sum,
        lambda x: x.std(correction=0),
        lambda x: x[2] * 2.0,
        lambda x: torch.trace(x[:, None] * x[None]),
        lambda x: x.amax() - x.amin(),
    ],
    ids=["einsum", "dot", "sum", "std", "one element", "trace", "range"],
)
def test_networks_that_answer_one_number(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.rand(6, generator=torch.Generator().manual_seed(2))
    model = Interpreter(convert(_Fn(function), (6,)))
    answer = only(model.predict({"x": x.numpy()}))
    assert answer.shape == (1,)
    np.testing.assert_allclose(answer, function(x).reshape(1).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.zeros(x.shape[0], x.shape[1], 2) + 1.0,
        lambda x: x.reshape(x.shape[1], x.shape[0]),
        lambda x: x[:, None].expand(x.shape[0], 3, x.shape[1]),
        lambda x: x.repeat(x.shape[0], 1),
        lambda x: x[: x.shape[1] - 1],
        lambda x: torch.full((x.shape[1],), 0.5),
    ],
    ids=["zeros", "reshape", "expand", "repeat", "slice", "full"],
)
def test_shapes_joined_from_single_sizes(function: Callable[[Tensor], Tensor]) -> None:
    """With open sizes, coremltools reads every size as a number of rank 0 and joins them by concat."""
    sizes = ct.Shape((ct.RangeDim(2, 9, 4), ct.RangeDim(2, 9, 3)))
    traced = torch.jit.trace(_Fn(function), torch.rand(4, 3))
    converted = ct.convert(
        traced,
        inputs=[ct.TensorType("x", sizes)],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )
    model = Interpreter(converted)
    for shape in ((4, 3), (6, 5), (2, 2)):
        x = torch.rand(shape)
        np.testing.assert_array_equal(only(model.predict({"x": x.numpy()})), function(x).numpy())


def test_numbers_joined_become_a_list_whatever_the_axis() -> None:
    numbers = [torch.tensor(value) for value in (3, 1, 2)]
    assert concat(numbers, 0).tolist() == [3, 1, 2]
    assert concat(numbers, -1).tolist() == [3, 1, 2]
    assert concat(numbers, 0, interleave=True).tolist() == [3, 1, 2]
    assert concat([torch.tensor(7)], 0).tolist() == [7]


def test_numbers_and_lists_are_not_joined() -> None:
    with pytest.raises(RuntimeError):
        concat([torch.tensor(3), torch.tensor([1, 2])], 0)


def test_an_lstm_reads_as_many_rows_of_its_first_state_as_there_are_sequences() -> None:
    """For packed sequences coremltools makes a first state with one row a time step, more than there are sequences."""
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(3))
    weight_ih, weight_hh = torch.randn(16, 3), torch.randn(16, 4)
    fitting = lstm(x, torch.zeros(2, 4), torch.zeros(2, 4), weight_ih, weight_hh, output_sequence=True)
    longer = lstm(x, torch.zeros(5, 4), torch.zeros(5, 4), weight_ih, weight_hh, output_sequence=True)
    for one, other in zip(fitting, longer, strict=True):
        torch.testing.assert_close(one, other)
