"""Networks as training leaves them: wrapped, in training mode, in other numbers than float32."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from converters import OutputKind, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.toolkit.models.awkward_networks import SIZE, Core
from toolkit.isolation.sending import packed
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners import runners

HERE = "tests.toolkit.models.test_wrapped_networks"


class Body(nn.Module):
    """A network in two parts with what training mode changes."""

    def __init__(self) -> None:
        super().__init__()
        self.core, self.norm, self.drop = Core(), nn.BatchNorm2d(4), nn.Dropout2d(0.5)
        nn.init.constant_(self.norm.running_mean, 0.25)  # type: ignore[arg-type]  # it has one

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.drop(self.norm(self.core(image)))
        return logits


def compiled() -> nn.Module:
    """A wrapper of torch.compile."""
    return torch.compile(Body().eval())  # type: ignore[return-value]


def compiled_in_place() -> nn.Module:
    """The module's own method."""
    network = Body().eval()
    network.compile()
    return network


def compiled_part() -> nn.Module:
    """A part is compiled."""
    network = Body().eval()
    network.core = torch.compile(network.core)  # type: ignore[assignment]
    return network


def compiled_forward() -> nn.Module:
    """A method is compiled."""
    network = Body().eval()
    network.forward = torch.compile(network.forward)  # type: ignore[method-assign]
    return network


def parallel() -> nn.Module:
    """DataParallel around everything, compiled."""
    return torch.compile(nn.DataParallel(Body().eval()))  # type: ignore[return-value]


def parallel_part() -> nn.Module:
    """DataParallel around a part."""
    network = Body().eval()
    network.core = nn.DataParallel(network.core)  # type: ignore[assignment]
    return network


def training() -> nn.Module:
    """Left in training mode."""
    return Body().train()


def half() -> nn.Module:
    """float16."""
    return Body().half()


def brain() -> nn.Module:
    """bfloat16."""
    return Body().to(torch.bfloat16)


def double() -> nn.Module:
    """float64."""
    return Body().double()


def mixed() -> nn.Module:
    """A half part, compiled."""
    network = Body().eval()
    network.core = torch.compile(network.core.half())  # type: ignore[assignment]
    return network


FORMS = (
    "compiled",
    "compiled_in_place",
    "compiled_part",
    "compiled_forward",
    "parallel",
    "parallel_part",
    "training",
    "half",
    "brain",
    "double",
    "mixed",
)


def source(name: str, **options: Any) -> Any:
    return load_source(RunOptions(model=f"{HERE}:{name}", input_size=SIZE, **options))


def answers(network: Any) -> torch.Tensor:
    picture = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits: torch.Tensor = network(picture)
    return logits


@pytest.mark.parametrize("name", FORMS)
def test_the_network_inside_is_used(name: str) -> None:
    found = source(name).module
    rounding = {"brain": 3e-2, "half": 3e-3, "mixed": 3e-3}.get(name, 1e-6)
    torch.testing.assert_close(answers(found), answers(Body().eval()), rtol=rounding, atol=rounding)
    assert {part.dtype for part in found.parameters()} == {torch.float32}
    assert not any("_orig_mod" in part or "module" in part for part, _ in found.named_modules())
    packed(found)  # goes to other processes


@pytest.mark.parametrize("name", ["compiled", "half"])
@pytest.mark.parametrize(("format_name", "runner_name"), [("tflite", "litert"), ("coreml", "milrun")])
def test_wrapped_networks_convert(name: str, format_name: str, runner_name: str, tmp_path: Path) -> None:
    found = source(name)
    (outcome,) = perform(
        make_plan(found, [(format_name, recipe("float32"))], output=OutputKind.LOGITS), tmp_path / "out"
    )
    assert outcome.artifact is not None, outcome.error
    picture = torch.randint(0, 256, (*SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = found.module(picture.permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0)
    runner = runners()[runner_name]
    with runner(outcome.artifact, runner.backends[0], 1) as opened:
        torch.testing.assert_close(torch.from_numpy(opened.predict(picture.numpy())), wanted, rtol=1e-3, atol=1e-3)


def test_scripts_in_half_precision(tmp_path: Path) -> None:
    torch.jit.script(Body().half().eval()).save(str(tmp_path / "half.pt"))
    found = load_source(RunOptions(model=str(tmp_path / "half.pt"), input_size=SIZE))
    torch.testing.assert_close(answers(found.module), answers(Body().eval()), rtol=3e-3, atol=3e-3)


def test_programs_in_half_precision(tmp_path: Path) -> None:
    picture = torch.rand((1, 3, *SIZE), dtype=torch.float16)
    torch.export.save(torch.export.export(Body().half().eval(), (picture,)), tmp_path / "half.pt2")
    found = load_source(RunOptions(model=str(tmp_path / "half.pt2"), input_size=SIZE))
    assert torch.equal(answers(pickle.loads(packed(found.module))), answers(found.module))
    torch.testing.assert_close(answers(found.module), answers(Body().eval()), rtol=3e-3, atol=3e-3)
