"""Operations where the definition leaves room for mistakes, against torch or against the definition spelled out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.ops.constexpr import blockwise_shift_scale, lut_to_dense, lut_to_sparse, sparse_to_dense
from validation.milrun.ops.conv import conv, conv_transpose
from validation.milrun.ops.detection import non_maximum_suppression
from validation.milrun.ops.image_sampling import affine, crop_resize_ios17, resample
from validation.milrun.ops.pool import avg_pool, l2_pool, max_pool
from validation.milrun.ops.quantization import dequantize, quantize
from validation.milrun.ops.recurrent import gru, lstm
from validation.milrun.ops.resize import resize, resize_bilinear, upsample_bilinear, upsample_nearest_neighbor
from validation.milrun.ops.tensor_operation import pad
from validation.milrun.registry import find
from validation.milrun.sampling import grid_points


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("stride", "dilation", "groups"), itertools.product([1, 2], [1, 3], [1, 2]))
@pytest.mark.parametrize("pad_type", ["valid", "same", "same_lower", "custom"])
def test_conv_padding(pad_type: str, stride: int, dilation: int, groups: int) -> None:
    x, weight, bias = _random(2, 4, 11, 12), _random(6, 4 // groups, 3, 2), _random(6)
    given = [1, 0, 2, 3] if pad_type == "custom" else None
    answer = conv(x, weight, bias, [stride] * 2, pad_type, given, [dilation] * 2, groups)
    sides = {"valid": [0, 0, 0, 0], "custom": given}.get(pad_type)
    if sides is None:
        sides = []
        for size, kernel in ((11, 3), (12, 2)):
            out = -(-size // stride)
            total = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size)
            sides += [total // 2, total - total // 2] if pad_type == "same" else [total - total // 2, total // 2]
        assert list(answer.shape[2:]) == [-(-11 // stride), -(-12 // stride)]
    padded = F.pad(x, [sides[2], sides[3], sides[0], sides[1]])
    torch.testing.assert_close(answer, F.conv2d(padded, weight, bias, stride, 0, dilation, groups))


@pytest.mark.parametrize(("stride", "groups", "extra"), itertools.product([1, 2, 3], [1, 2], [0, 1]))
def test_conv_transpose_with_output_padding(stride: int, groups: int, extra: int) -> None:
    if extra >= stride:
        return
    x, weight, bias = _random(1, 4, 5, 6), _random(4, 3, 3, 3), _random(3 * groups)
    expected = F.conv_transpose2d(x, weight, bias, stride, 1, extra, groups)
    answer = conv_transpose(x, weight, bias, [1, 1 - extra, 1, 1 - extra], None, "custom", [stride] * 2, None, groups)
    torch.testing.assert_close(answer, expected)
    shaped = conv_transpose(x, weight, bias, [1] * 4, list(expected.shape), "custom", [stride] * 2, None, groups)
    torch.testing.assert_close(shaped, expected)


@pytest.mark.parametrize(("before", "after"), [(0, 3), (2, 0), (0, -2)])
def test_conv_transpose_crops_unevenly(before: int, after: int) -> None:
    x, weight, bias = _random(1, 2, 5), _random(2, 3, 4), _random(3)
    full = F.conv_transpose1d(x, weight, None, 2)
    expected = F.pad(full, [-before, -after]) + bias[:, None]
    answer = conv_transpose(x, weight, bias, [before, after], None, "custom", [2])
    torch.testing.assert_close(answer, expected)


@pytest.mark.parametrize(("size", "stride", "padding", "ceil"), itertools.product([7, 8], [1, 2, 3], [0, 1], [0, 1]))
def test_pools_as_torch(size: int, stride: int, padding: int, ceil: int) -> None:
    x = _random(1, 2, size, size + 1)
    mode, sides = ("custom", [padding] * 4) if padding else ("valid", None)
    kernel, strides = [3, 3], [stride, stride]
    expected = F.max_pool2d(x, 3, stride, padding, 1, bool(ceil))
    torch.testing.assert_close(max_pool(x, kernel, mode, strides, sides, bool(ceil)), expected)
    for exclude in (True, False):
        expected = F.avg_pool2d(x, 3, stride, padding, bool(ceil), not exclude)
        torch.testing.assert_close(avg_pool(x, kernel, mode, strides, sides, exclude, bool(ceil)), expected)


def test_uneven_pool_padding() -> None:
    x = torch.arange(1.0, 6).reshape(1, 1, 5)
    assert avg_pool(x, [2], "custom", [2], [1, 0]).tolist() == [[[0.5, 2.5, 4.5]]]
    assert avg_pool(x, [2], "custom", [2], [1, 0], True).tolist() == [[[1.0, 2.5, 4.5]]]
    assert max_pool(-x, [2], "custom", [2], [1, 0]).tolist() == [[[-1.0, -2.0, -4.0]]]
    torch.testing.assert_close(l2_pool(x, [2], "valid", [2]), torch.tensor([[[5.0, 25.0]]]).sqrt())


# The examples in MIL's definition of resize_bilinear: an interval [0, 1] of two samples, five and six outputs.
_GRIDS = {
    ("UNALIGN_CORNERS", 5): [0.0, 0.1, 0.5, 0.9, 1.0],
    ("STRICT_ALIGN_CORNERS", 5): [0.0, 0.25, 0.5, 0.75, 1.0],
    ("ALIGN_CORNERS", 5): [0.0, 0.25, 0.5, 0.75, 1.0],
    ("DEFAULT", 5): [0.0, 0.4, 0.8, 1.0, 1.0],
    ("OFFSET_CORNERS", 5): [0.1, 0.3, 0.5, 0.7, 0.9],
    ("UNALIGN_CORNERS", 6): [0.0, 0.0, 1 / 3, 2 / 3, 1.0, 1.0],
    ("DEFAULT", 6): [0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0],
    ("OFFSET_CORNERS", 6): [1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12],
}


@pytest.mark.parametrize(("mode", "size"), sorted(_GRIDS))
def test_sampling_modes(mode: str, size: int) -> None:
    expected = torch.tensor(_GRIDS[(mode, size)])
    x = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    torch.testing.assert_close(resize_bilinear(x, 1, size, mode).flatten(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(resize(x[0], [1, size], 2, "LINEAR", mode).flatten(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(grid_points(mode, 2, size).clamp(0, 1).float(), expected, atol=1e-6, rtol=0)


def test_one_output_pixel() -> None:
    x = torch.tensor([0.0, 4.0, 10.0]).reshape(1, 1, 1, 3)
    assert resize_bilinear(x, 1, 1, "STRICT_ALIGN_CORNERS").item() == 0
    assert resize_bilinear(x, 1, 1, "ALIGN_CORNERS").item() == 4


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_upsampling_as_torch(rank: int) -> None:
    x = _random(*[2, 3, 2][: rank - 2], 5, 7)
    flat = x.reshape(1, -1, 5, 7)
    near = F.interpolate(flat, scale_factor=(2, 3), mode="nearest")
    torch.testing.assert_close(upsample_nearest_neighbor(x, 2, 3).reshape(near.shape), near)
    for align in (True, False):
        smooth = F.interpolate(flat, size=(12, 10), mode="bilinear", align_corners=align)
        answer = upsample_bilinear(x, 2.5, 1.5, align_corners=align)
        torch.testing.assert_close(answer.reshape(smooth.shape), smooth)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(("mode", "padding"), [("constant", "zeros"), ("border", "border")])
@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
def test_resample_as_grid_sample(sampling: str, mode: str, padding: str, align: bool) -> None:
    x, grid = _random(2, 3, 5, 6), _random(2, 4, 7, 2, seed=1)
    expected = F.grid_sample(x, grid, sampling, padding, align)
    answer = resample(x, grid, sampling, mode, 0.0, "normalized_minus_one_to_one", align)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
@pytest.mark.parametrize(("mode", "align"), [("reflection", True), ("symmetric", False)])
def test_resample_mirrors_as_grid_sample(mode: str, align: bool, sampling: str) -> None:
    x, grid = _random(2, 3, 5, 6), 2 * _random(2, 4, 7, 2, seed=1)
    expected = F.grid_sample(x, grid, sampling, "reflection", align)
    answer = resample(x, grid, sampling, mode, 0.0, "normalized_minus_one_to_one", align)
    torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-4)


def test_affine_as_torch() -> None:
    x, matrix = _random(2, 3, 5, 6), _random(2, 6, seed=1)
    grid = F.affine_grid(matrix.reshape(2, 2, 3), [2, 3, 4, 7], align_corners=True)
    expected = F.grid_sample(x, grid, align_corners=True)
    answer = affine(x, matrix, 4, 7, "bilinear", "constant", 0.0, "normalized_minus_one_to_one", True)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)


def test_crop_resize_of_the_whole_picture_is_a_resize() -> None:
    x = _random(2, 3, 5, 6)
    boxes, numbers = torch.tensor([[0.0, 0.0, 4.0, 5.0]]), torch.tensor([1])
    for mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS", "UNALIGN_CORNERS"):
        answer = crop_resize_ios17(x, boxes, numbers, 7, 9, sampling_mode=mode)
        torch.testing.assert_close(answer[0], resize_bilinear(x, 7, 9, mode)[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("constant", "constant")]
)
def test_pad_as_numpy(mode: str, numpy_mode: str) -> None:
    x = _random(2, 3, 4, 5)
    expected = np.pad(x.numpy(), [(0, 0), (0, 0), (1, 3), (4, 0)], mode=numpy_mode)  # type: ignore[call-overload]
    assert np.array_equal(pad(x, [1, 3, 4, 0], mode).numpy(), expected)


def test_integer_division_by_minus_one_does_not_end_the_process() -> None:
    x, y = torch.tensor([-(2**31), 7, -7], dtype=torch.int32), torch.tensor([-1, -2, 2], dtype=torch.int32)
    assert find("real_div", 15).function(x, y).tolist() == [-(2**31), -3, -3]
    assert find("floor_div", 15).function(x, y).tolist()[1:] == [-4, -4]
    assert find("mod", 15).function(x, y).tolist() == [0, -1, 1]


def test_lstm_as_torch() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(3, 4, bidirectional=True)
    x, h, c = _random(5, 2, 3), _random(2, 2, 4, seed=1), _random(2, 2, 4, seed=2)
    expected, (h_last, c_last) = layer(x, (h, c))

    def order(weight: Tensor) -> Tensor:  # torch: input, forget, cell, output; MIL: input, forget, output, cell
        i, f, g, o = weight.detach().chunk(4)
        return torch.cat([i, f, o, g])

    def weights(suffix: str) -> list[Tensor]:
        bias = getattr(layer, f"bias_ih_l0{suffix}") + getattr(layer, f"bias_hh_l0{suffix}")
        return [order(getattr(layer, f"weight_{part}_l0{suffix}")) for part in ("ih", "hh")] + [order(bias)]

    there, back = weights(""), weights("_reverse")
    joined = [torch.cat([state[0], state[1]], -1) for state in (h, c)]
    answer = lstm(x, *joined, *there, None, *back, None, "bidirectional", True)
    torch.testing.assert_close(answer[0], expected)
    torch.testing.assert_close(answer[1], torch.cat([h_last[0], h_last[1]], -1))
    torch.testing.assert_close(answer[2], torch.cat([c_last[0], c_last[1]], -1))


def test_gru_with_reset_after_as_torch() -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(3, 4)
    x, h = _random(5, 2, 3), _random(1, 2, 4, seed=1)
    expected, last = layer(x, h)

    def order(weight: Tensor) -> Tensor:  # torch: reset, update, new; MIL: reset, new, update
        r, z, n = weight.detach().chunk(3)
        return torch.cat([r, n, z])

    ours = [order(value) for value in (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_hh_l0)]
    answer = gru(x, h[0], *ours, output_sequence=True, reset_after=True, input_bias=order(layer.bias_ih_l0))
    torch.testing.assert_close(answer[0], expected)
    torch.testing.assert_close(answer[1], last[0])


def test_quantize_rounds_half_to_even_and_clips() -> None:
    x = torch.tensor([-100.0, 0.25, 0.75, 100.0])
    stored = quantize(x, torch.tensor(0.5), "int8", torch.tensor(3))
    assert stored.tolist() == [-128, 3, 5, 127]
    assert dequantize(stored, torch.tensor(0.5), torch.tensor(3)).tolist() == [-65.5, 0.0, 1.0, 62.0]


def test_blockwise_scales() -> None:
    data = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    answer = blockwise_shift_scale(data, torch.tensor([[1.0, 10.0]]), torch.tensor([[1, 2]]))
    assert answer.tolist() == [[0.0, 1.0, 10.0, 20.0], [4.0, 5.0, 50.0, 60.0]]


def test_palettes_by_group_and_by_vector() -> None:
    """The two cases in MIL's definition of constexpr_lut_to_dense."""
    indices = torch.tensor([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3]).reshape(6, 2)
    lut = torch.tensor([1.0, 5.0, 9.0, 13.0, 2.0, 10.0, 18.0, 26.0]).reshape(2, 1, 4, 1)
    expected = [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]
    assert lut_to_dense(indices, lut).tolist() == expected
    vectors = torch.tensor([[[0, 0], [1, 0]], [[1, 1], [0, 0]]])
    table = torch.tensor([[0, 1, 2], [10, 11, 12]]).reshape(1, 1, 1, 2, 3)
    along_rows = lut_to_dense(vectors, table, 1)
    assert along_rows[0].tolist() == [[0, 0], [1, 1], [2, 2], [10, 0], [11, 1], [12, 2]]
    along_columns = lut_to_dense(vectors, table, 2)
    assert along_columns[1].tolist() == [[10, 11, 12, 10, 11, 12], [0, 1, 2, 0, 1, 2]]


def test_sparse_weights() -> None:
    mask = torch.tensor([[1, 0, 1], [0, 1, 0]])
    assert sparse_to_dense(torch.tensor([1.5, 2.5, 3.5]), mask).tolist() == [[1.5, 0, 2.5], [0, 3.5, 0]]
    new_mask, values = lut_to_sparse(mask, torch.tensor([1, 0, 1]), torch.tensor([2.0, 3.0]).reshape(1, 1, 2, 1))
    assert torch.equal(new_mask, mask)
    assert values.tolist() == [3.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="3 ones for 2 values"):
        sparse_to_dense(torch.tensor([1.0, 2.0]), mask)


def test_suppression_keeps_the_best_and_pads() -> None:
    boxes = torch.tensor([[[0.0, 0, 2, 2], [0.1, 0, 2, 2], [5, 5, 1, 1]]])
    scores = torch.tensor([[[0.5], [0.9], [0.7]]])
    kept, kept_scores, numbers, count = non_maximum_suppression(boxes, scores, 0.5, 4, 0.6)
    assert numbers.tolist() == [[1, 2, -1, -1]]
    assert count.tolist() == [2]
    assert torch.equal(kept[0, :2], boxes[0, [1, 2]])
    torch.testing.assert_close(kept_scores[0, :, 0], torch.tensor([0.9, 0.7, 0, 0]))


@pytest.mark.parametrize(
    ("kind", "options", "mean", "deviation"),
    [
        ("random_uniform", {"low": -1.0, "high": 3.0}, 1.0, 4 / 12**0.5),
        ("random_normal", {"mean": 2.0, "stddev": 0.5}, 2.0, 0.5),
        ("random_bernoulli", {"prob": 0.3}, 0.3, 0.21**0.5),
    ],
)
def test_random_operations_have_the_right_statistics(
    kind: str, options: dict[str, float], mean: float, deviation: float
) -> None:
    draw = find(kind, 15).function
    values = draw([200, 200], seed=7, **options)
    assert values.mean().item() == pytest.approx(mean, abs=4 * deviation / 200)
    assert values.std().item() == pytest.approx(deviation, rel=0.02)
    assert torch.equal(values, draw([200, 200], seed=7, **options))
    assert not torch.equal(values, draw([200, 200], seed=8, **options))


def test_random_classes_follow_their_probabilities() -> None:
    draw = find("random_categorical", 15).function
    shares = torch.tensor([[0.1, 0.2, 0.7]])
    for mode, weights in (("probs", shares), ("logits", shares.log())):
        drawn = draw(weights, mode, 20000, 3).flatten().to(torch.int64)
        counts = drawn.bincount(minlength=3) / 20000
        torch.testing.assert_close(counts, shares[0], atol=0.015, rtol=0)
