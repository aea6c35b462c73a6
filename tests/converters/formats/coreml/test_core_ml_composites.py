"""Operations that coremltools lacks reach Core ML as what they are: milrun answers as torch does, by either route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from converters import OutputKind, make_plan
from converters.conversion.perform import perform
from converters.formats.coreml.torch_forms.composites import (
    bicubic_matrices,
    padded_in_a_circle,
    rms_norm,
    std_mean,
    var_mean,
)
from converters.formats.coreml.torch_forms.einsum import einsum
from quantization import recipe
from tests.converters.making import bare_source
from validation.runners import runners

SIZE = (12, 16)
Tensor = torch.Tensor


class Around(nn.Module):
    """Convolutions before and behind one operation, which keeps eight channels."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 4, 1)
        self.operation = operation

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.last(self.operation(self.first(image)))
        return logits


def normed(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, dim=1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + 1e-6)


def standardised(x: Tensor) -> Tensor:
    deviation, mean = torch.std_mean(x, (2, 3), keepdim=True)
    return (x - mean) / (deviation + 1e-3)


def attention(x: Tensor) -> Tensor:
    weights = torch.einsum("... i d, ... j d -> ... i j", x, x).mul(0.1).softmax(-1)
    return torch.einsum("... i j, ... j d -> ... i d", weights, x)


def three_operands(x: Tensor) -> Tensor:
    return torch.einsum("bchw,cd,bdhw->bchw", x, torch.eye(8) + 0.1, x)


def gated(x: Tensor) -> Tensor:
    return x * torch.einsum("bchw->bc", x)[:, :, None, None] / 100


def relative(x: Tensor) -> Tensor:
    table = torch.linspace(-1, 1, 16 * 16).reshape(16, 16)
    return torch.einsum("bchw,wk->bchk", x, table)


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "var_mean": normed,
    "std_mean": standardised,
    "einsum with an ellipsis": attention,
    "einsum of three": three_operands,
    "einsum of one": gated,
    "einsum of a table": relative,
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False),
    "bicubic smaller": lambda x: F.interpolate(x, size=(7, 9), mode="bicubic", align_corners=True),
    "bicubic smoothed": lambda x: F.interpolate(x, size=(5, 6), mode="bicubic", antialias=True),
    "circular": lambda x: F.pad(x, (3, 1, 0, 2), mode="circular"),
    "RMS norm": lambda x: F.rms_norm(x.permute(0, 2, 3, 1), (8,), torch.linspace(0.5, 2, 8)).permute(0, 3, 1, 2),
    "circular convolution": nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"),
    "RMS norm and variance": lambda x: normed(F.rms_norm(x.permute(0, 2, 3, 1), (8,), eps=1e-6).permute(0, 3, 1, 2)),
}


@pytest.mark.parametrize("route", ["coremltools", "coremltools-export"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_composites_answer_as_torch(name: str, route: str, tmp_path: Path) -> None:
    network = Around(OPERATIONS[name]).eval()
    picture = torch.randint(0, 256, (*SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network(picture.permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0)
    source = bare_source(network, SIZE, (wanted.shape[0], wanted.shape[1]), 4)
    plan = make_plan(source, [("coreml", recipe("float32"))], output=OutputKind.LOGITS, routes={"coreml": route})
    (outcome,) = perform(plan, tmp_path)
    assert outcome.artifact is not None, outcome.error
    assert outcome.artifact.provenance["route"] == route
    runner = runners()["milrun"]
    with runner(outcome.artifact, runner.backends[0], 1) as opened:
        found = torch.from_numpy(opened.predict(picture.numpy()))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("...ij,...jk->...ik", [(2, 3, 4, 5), (2, 3, 5, 6)]),
        ("...ij,jk", [(2, 4, 5), (5, 6)]),
        ("b...c,dc->b...d", [(2, 3, 4, 5), (6, 5)]),
        ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("ii->i", [(4, 4)]),
        ("bii->b", [(2, 4, 4)]),
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ij,ij->", [(3, 4), (3, 4)]),
        ("ij->ji", [(3, 4)]),
        ("abc,cb->a", [(2, 3, 4), (4, 3)]),
        ("bhwc,hkc->bhwk", [(2, 3, 4, 5), (3, 6, 5)]),
        ("...a,...b->...ab", [(1, 3, 2), (5, 1, 4)]),
        ("bc,bd->b", [(2, 3), (2, 4)]),
    ],
)
def test_einsum_is_torch_s(equation: str, shapes: list[tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(0)
    operands = [torch.rand(shape, generator=generator) for shape in shapes]
    torch.testing.assert_close(einsum(equation, operands), torch.einsum(equation, *operands))


def test_composites_are_torch_s() -> None:
    x = torch.randn((2, 4, 5, 6), generator=torch.Generator().manual_seed(0)) * 3
    for arguments, named in (
        ((), {}),
        ((1,), {}),
        ((True,), {}),
        (((2, 3), False, True), {}),
        ((), {"dim": (0, 2), "correction": 0, "keepdim": True}),
        ((1,), {"correction": 2}),
    ):
        torch.testing.assert_close(var_mean(x, *arguments, **named), torch.var_mean(x, *arguments, **named))
        torch.testing.assert_close(std_mean(x, *arguments, **named), torch.std_mean(x, *arguments, **named))
    for shape, eps in (((6,), None), ((5, 6), 1e-3)):
        torch.testing.assert_close(rms_norm(x, shape, None, eps), F.rms_norm(x, shape, None, eps))
    assert torch.equal(rms_norm(x * 0, (6,)), x * 0)
    for pad in ((1, 2, 0, 0), (0, 3, 1, 0), (2, 2, 2, 2), (-1, 2, 0, -1)):
        assert torch.equal(padded_in_a_circle(x, pad), F.pad(x, pad, mode="circular"))
    for how in (
        {"size": (9, 4), "align_corners": True},
        {"scale_factor": 1.7},
        {"scale_factor": (0.5, 2.5), "recompute_scale_factor": True},
    ):
        rows, columns = bicubic_matrices(x.shape, **how)
        torch.testing.assert_close(rows @ x @ columns, F.interpolate(x, mode="bicubic", **how), rtol=1e-5, atol=1e-5)
