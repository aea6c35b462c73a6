"""TorchScript files of whatever plain Python a network holds: the source answers as the script does."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from converters import OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from toolkit.models import load_source
from toolkit.models.files.program_file import ProgramFile
from toolkit.options import RunOptions
from validation.runners import runners

SIZE = (32, 48)


class Base(nn.Module):
    """A backbone with a norm, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.backbone, self.norm, self.classifier = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = F.relu(self.norm(self.backbone(image)), inplace=True)
        return found


class Dictionary(Base):
    """As torchvision's: the size of the picture sliced, the answer put into an ordered dictionary."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        size = x.shape[-2:]
        answers: dict[str, torch.Tensor] = OrderedDict()
        features: dict[str, torch.Tensor] = OrderedDict()
        features["out"] = self.features(x)
        answers["out"] = F.interpolate(
            self.classifier(features["out"]), size=size, mode="bilinear", align_corners=False
        )
        answers["aux"] = features["out"]
        return answers


class Listed(Base):
    """Features gathered in a list by a loop."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gathered: list[torch.Tensor] = []
        for scale in range(2):
            gathered.append(self.classifier(self.features(x)) * float(scale + 1))  # noqa: PERF401 - the loop is what is tried
        return torch.stack(gathered).sum(0)


class Optional_(Base):  # noqa: N801
    """An auxiliary head that may be there."""

    def __init__(self) -> None:
        super().__init__()
        self.with_aux = False

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        answers: dict[str, torch.Tensor] = {}
        aux: torch.Tensor | None = None
        features = self.features(x)
        if self.with_aux:
            aux = features
        if aux is not None:
            answers["aux"] = aux
        answers["out"] = self.classifier(features)
        return answers


class Both(NamedTuple):
    """An answer with names."""

    logits: torch.Tensor
    features: torch.Tensor


class Named(Base):
    """A named tuple."""

    def forward(self, x: torch.Tensor) -> Both:
        features = self.features(x)
        return Both(self.classifier(features), features)


class Padded(Base):
    """A branch by the picture's size, and a padding worked out of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[-2], x.shape[-1]
        sizes: list[int] = []
        for side in (height, width):
            sizes.append((20 - side % 20) % 20)  # noqa: PERF401
        if height % 20 != 0:
            x = F.pad(x, [0, sizes[1], 0, sizes[0]])
        logits: torch.Tensor = self.classifier(self.features(x))
        return logits[..., : height // 2, : width // 2]


class Filled(Base):
    """Writes into a slice."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        answers: dict[str, torch.Tensor] = {}
        logits = self.classifier(self.features(x)).clone()
        logits[:, 0] = logits[:, 0] * 2.0
        answers["logits"] = logits
        return answers


class Decides(Base):
    """A branch by pixels that fills a dictionary."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        answers: dict[str, torch.Tensor] = {}
        logits = self.classifier(self.features(x))
        if bool(logits.mean() > 0.0):
            answers["out"] = logits
        else:
            answers["out"] = -logits
        return answers


def scripted(network: nn.Module, path: Path) -> Path:
    torch.jit.script(network.eval()).save(str(path))
    return path


def options(path: Path) -> RunOptions:
    return RunOptions(model=str(path), input_size=SIZE, upsample="bilinear")


@pytest.mark.parametrize("kind", [Dictionary, Listed, Optional_, Named, Padded, Filled])
def test_scripts_answer_as_their_networks(kind: type[Base], tmp_path: Path) -> None:
    found = load_source(RunOptions(model=str(scripted(kind(), tmp_path / "net.pt")), input_size=SIZE))
    picture = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = kind().eval()(picture)
        wanted = (
            wanted
            if isinstance(wanted, torch.Tensor)
            else wanted.get("out", wanted.get("logits"))
            if isinstance(wanted, dict)
            else wanted[0]
        )
        assert found.module is not None
        torch.testing.assert_close(found.module(picture), wanted, rtol=1e-5, atol=1e-5)
    assert found.parameters == sum(item.numel() for item in Base().parameters())


@pytest.mark.parametrize(
    ("format_name", "runner_name"), [("tflite", "litert"), ("coreml", "milrun"), ("onnx", "onnxruntime")]
)
def test_a_dictionary_reaches_every_format(format_name: str, runner_name: str, tmp_path: Path) -> None:
    source = load_source(RunOptions(model=str(scripted(Dictionary(), tmp_path / "net.pt")), input_size=SIZE))
    plan = make_plan(source, [(format_name, recipe("float32"))], output=OutputKind.LOGITS)
    (outcome,) = perform(plan, tmp_path / "artifacts")
    assert outcome.artifact is not None, outcome.error
    assert "instead of" not in outcome.artifact.provenance
    picture = torch.randint(0, 256, (*SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = Dictionary().eval()(picture.permute(2, 0, 1)[None].float() / 255)["out"][0].permute(1, 2, 0)
    runner = runners()[runner_name]
    with runner(outcome.artifact, runner.backends[0], 1) as opened:
        found = torch.from_numpy(opened.predict(picture.numpy()))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


class Resized(Base):
    """A resize of one mode, its answer put into a dictionary."""

    def __init__(self, mode: str, factor: float | None, corners: bool | None) -> None:
        super().__init__()
        self.mode, self.factor, self.corners = mode, factor, corners

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        answers: dict[str, torch.Tensor] = {}
        features = self.features(x)
        size: list[int] | None = None
        if self.factor is None:
            size = x.shape[-2:]
        answers["out"] = self.classifier(F.interpolate(features, size, self.factor, self.mode, self.corners))
        return answers


@pytest.mark.parametrize(
    ("mode", "factor", "corners"),
    [
        ("nearest", 2.0, None),
        ("bilinear", 2.0, False),
        ("bilinear", None, True),
        ("bilinear", 0.5, False),
        ("bicubic", None, False),
        ("nearest", 1.7, None),
    ],
)
def test_resizes_of_scripts_reach_onnx(mode: str, factor: float | None, corners: bool | None, tmp_path: Path) -> None:
    path = scripted(Resized(mode, factor, corners), tmp_path / "net.pt")
    source = load_source(RunOptions(model=str(path), input_size=SIZE))
    (outcome,) = perform(make_plan(source, [("onnx", recipe("float32"))], output=OutputKind.LOGITS), tmp_path / "made")
    assert outcome.artifact is not None, outcome.error
    picture = torch.randint(0, 256, (*SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = torch.jit.load(str(path))(picture.permute(2, 0, 1)[None].float() / 255)["out"][0].permute(1, 2, 0)  # type: ignore[no-untyped-call]
    runner = runners()["onnxruntime"]
    with runner(outcome.artifact, runner.backends[0], 1) as opened:
        found = torch.from_numpy(opened.predict(picture.numpy()))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("mode", "factor", "corners"), [("bilinear", 1.7, False), ("nearest-exact", 1.5, None)])
def test_uneven_factors_of_scripts_are_kept(mode: str, factor: float, corners: bool | None, tmp_path: Path) -> None:
    path = scripted(Resized(mode, factor, corners), tmp_path / "net.pt")
    source = load_source(RunOptions(model=str(path), input_size=SIZE))
    picture = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    assert source.module is not None
    with torch.inference_mode():
        wanted = Resized(mode, factor, corners).eval()(picture)["out"]
        torch.testing.assert_close(source.module(picture), wanted, rtol=1e-5, atol=1e-5)


def test_names_of_parameters_stay(tmp_path: Path) -> None:
    program, _ = ProgramFile.at(scripted(Dictionary(), tmp_path / "net.pt"), (1, 3, *SIZE)).read()
    assert "backbone.weight" in program.state_dict


def test_what_no_graph_holds_is_said_with_its_line(tmp_path: Path) -> None:
    path = scripted(Decides(), tmp_path / "net.pt")
    with pytest.raises(SourceError, match=r"decides by the pixels of the picture \(.*test_torchscript\.py, line \d+\)"):
        load_source(RunOptions(model=str(path), input_size=SIZE))
    path = scripted(nn.Sequential(nn.Conv2d(5, 3, 1)), tmp_path / "five.pt")
    with pytest.raises(SourceError, match=r"could not answer to a picture 1 x 3 x 32 x 48: .*5.*3"):
        load_source(RunOptions(model=str(path), input_size=SIZE))
