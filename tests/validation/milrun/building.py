"""Small networks and programs for the tests, converted once each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


class PixelNet(nn.Module):
    """FP-LIIF in small: strided encoder, global context, upsampled features plus coordinate biases, pixel MLP."""

    def __init__(self, classes: int = 5, size: int = 32) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.gate = nn.Conv2d(32, 32, 1)
        self.head = nn.Conv2d(48, 16, 1)
        self.out = nn.Conv2d(16, classes, 1)
        self.rows = nn.Parameter(torch.randn(1, 16, size, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes, size, size)."""
        fine = self.down1(x)
        coarse = self.down2(fine)
        coarse = coarse * torch.sigmoid(self.gate(coarse.mean((2, 3), keepdim=True)))
        coarse = F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        y = self.head(torch.cat([F.avg_pool2d(fine, 1), coarse], 1))
        y = F.interpolate(y, scale_factor=(2.0, 1.0), mode="bilinear", align_corners=False) + self.rows
        y = F.interpolate(y, scale_factor=(1.0, 2.0), mode="nearest")
        result: Tensor = self.out(F.relu(y))
        return result


def seeded(module: type[nn.Module], *args: Any, seed: int = 0) -> nn.Module:
    """A module with reproducible weights and non-trivial batch statistics, in evaluation mode."""
    torch.manual_seed(seed)
    built = module(*args).eval()
    for layer in built.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2.0)
    return built


def convert(module: nn.Module, shape: Sequence[int], inputs: list[Any] | None = None, **options: Any) -> Any:
    """A coremltools MLModel of a traced module; float32 unless `options` say otherwise."""
    import coremltools as ct

    options.setdefault("compute_precision", ct.precision.FLOAT32)
    options.setdefault("minimum_deployment_target", ct.target.iOS16)
    with torch.no_grad():
        traced = torch.jit.trace(module, torch.rand(*shape))
    tensor_inputs = inputs or [ct.TensorType("x", tuple(shape))]
    return ct.convert(traced, inputs=tensor_inputs, convert_to="mlprogram", skip_model_load=True, **options)


def reference(module: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What torch answers."""
    with torch.no_grad():
        answer: NDArray[np.float32] = module(torch.from_numpy(x)).numpy()
    return answer


def only(outputs: dict[str, Any]) -> Any:
    """The value of a model's single output."""
    (value,) = outputs.values()
    return value


def sqnr(signal: NDArray[Any], noisy: NDArray[Any]) -> float:
    """Signal-to-noise ratio in dB."""
    noise = np.square(signal.astype(np.float64) - noisy.astype(np.float64)).sum()
    return float(10 * np.log10(np.square(signal.astype(np.float64)).sum() / max(noise, 1e-30)))


def program(
    build: Callable[..., Any], specs: dict[str, Any], folder: Path, target: str = "iOS17", name: str = "program"
) -> Path:
    """A saved package of a program written with coremltools' builder, float32, as few graph passes as possible."""
    import coremltools as ct
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    opset = getattr(ct.target, target)
    prog = mb.program(input_specs=[mb.TensorSpec(shape=shape) for shape in specs.values()], opset_version=opset)(build)
    model = ct.convert(
        prog,
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=opset,
        skip_model_load=True,
        pass_pipeline=ct.PassPipeline.EMPTY,
    )
    path = folder / f"{name}.mlpackage"
    model.save(str(path))
    return path
