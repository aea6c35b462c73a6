"""Checkpoints as trainers write them fill a network as its own state dict does, and run nothing."""

from __future__ import annotations

import argparse
import pickle
import shutil
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from converters import SourceError
from fpliif.errors import CheckpointError
from tests.toolkit.cli.test_bad_input import Executes
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.models.files.weights import fill
from toolkit.options import RunOptions

HERE = "tests.toolkit.models.test_trained_weights"
State = dict[str, torch.Tensor]


def network(seed: int = 0) -> nn.Module:
    """Convolutions and a norm, in a module of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            OrderedDict(
                stem=nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()), head=nn.Conv2d(4, 3, 1)
            )
        ).eval()


def untrained() -> nn.Module:
    """The factory."""
    return network(1)


class Settings(dict[str, Any]):
    """As the attribute dictionaries of configuration libraries: a class of its own, filled like a dict."""


class Steps(list[int]):
    """A list of a class of its own."""


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def within(part: str, state: State) -> State:
    """A wrapper around a module inside."""
    return {name.replace("stem.", f"stem.{part}."): tensor for name, tensor in state.items()}


def lightning(state: State) -> dict[str, Any]:
    return {
        "state_dict": under("model.", state) | {"criterion.weight": torch.ones(3)},
        "epoch": 3,
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best": np.float64(0.5), "path": Path("here")}},
        "hyper_parameters": argparse.Namespace(lr=0.1, sizes=Settings(a=Settings(b=[1])), steps=Steps([1, 2])),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}],
        "counts": defaultdict(list, {"a": [1]}),
    }


FORMS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "DataParallel": lambda state: under("module.", state),
    "compiled": lambda state: under("_orig_mod.", state),
    "compiled and parallel": lambda state: under("module._orig_mod.", state),
    "parallel inside": lambda state: within("module", state),
    "any prefix": lambda state: under("segmentor.net_g.", state),
    "nested": lambda state: {
        "state_dict": state,
        "epoch": 3,
        "best": np.float32(0.7),
        "args": argparse.Namespace(lr=1),
    },
    "nested deeper": lambda state: {"meta": {"a": 1}, "payload": {"model": under("module.", state)}},
    "params": lambda state: {"params": state},
    "equal average": lambda state: {
        "params": state,
        "params_ema": {name: item.clone() for name, item in state.items()},
    },
    "Lightning": lightning,
    "before counters": lambda state: {name: item for name, item in state.items() if "num_batches" not in name},
    "profiled": lambda state: state | {"total_ops": torch.zeros(1), "stem.0.total_params": torch.zeros(1)},
    "half": lambda state: {name: item.half() if item.is_floating_point() else item for name, item in state.items()},
    "whole network": lambda _: network(),
    "whole network among others": lambda _: {"model": nn.DataParallel(network()), "optimizer": None, "date": Path()},
}


def saved(content: Any, path: Path, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize(
    ("form", "legacy"),
    [(form, legacy) for form in FORMS for legacy in (False, True) if not (legacy and "whole" in form)],
)
def test_forms_of_trainers(form: str, legacy: bool, tmp_path: Path) -> None:
    path = saved(FORMS[form](network().state_dict()), tmp_path / "net.ckpt", _use_new_zipfile_serialization=not legacy)
    filled = untrained()
    remarks = fill(filled, path)
    tolerance = 1e-3 if form == "half" else 0
    for name, tensor in network().state_dict().items():
        torch.testing.assert_close(filled.state_dict()[name], tensor, rtol=tolerance, atol=tolerance)
    assert bool(remarks) == (form not in ("plain", "before counters", "profiled", "half", "whole network"))


def test_what_was_done_is_said(tmp_path: Path) -> None:
    path = saved(lightning(network().state_dict()), tmp_path / "net.ckpt")
    (remark,) = load_source(RunOptions(model=f"{HERE}:untrained", weights=path, input_size=(16, 16))).remarks
    for part in (
        "net.ckpt",
        "found under 'state_dict'",
        "'model.' before their names",
        "'criterion.weight' beside them",
    ):
        assert part in remark


def test_names_of_safetensors(tmp_path: Path) -> None:
    save_file(under("model.", network().state_dict()), tmp_path / "net.safetensors")
    filled = untrained()
    assert "'model.'" in fill(filled, tmp_path / "net.safetensors")[0]
    assert torch.equal(filled.state_dict()["head.weight"], network().state_dict()["head.weight"])


def test_the_network_may_be_the_one_that_is_wrapped(tmp_path: Path) -> None:
    path = saved(network().state_dict(), tmp_path / "net.pth")
    for filled, says in (
        (nn.Sequential(OrderedDict(body=untrained())), "'body.' put before"),
        (nn.DataParallel(untrained()), ""),
    ):
        assert says in "".join(fill(filled, path))
        found = next(tensor for name, tensor in filled.state_dict().items() if name.endswith("head.weight"))
        assert torch.equal(found, network().state_dict()["head.weight"])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (lambda: {"model": network().state_dict(), "ema": network(2).state_dict()}, ("model", "ema")),
        (
            lambda: under("student.", network().state_dict()) | under("teacher.", network(2).state_dict()),
            ("student", "teacher"),
        ),
    ],
)
def test_several_that_fit_are_asked_for(content: Callable[[], Any], names: tuple[str, str], tmp_path: Path) -> None:
    path = saved(content(), tmp_path / "net.pth")
    with pytest.raises(
        SourceError, match=rf"2 sets of weights that fit.*: {names[0]}, {names[1]}; say which with --weights"
    ):
        fill(untrained(), path)
    for name, seed in zip(names, (0, 2), strict=True):
        filled = untrained()
        fill(filled, Path(f"{path}:{name}"))
        assert torch.equal(filled.state_dict()["head.weight"], network(seed).state_dict()["head.weight"])
    with pytest.raises(SourceError, match=rf"no weights called 'other'; it has .*{names[1]}"):
        fill(untrained(), Path(f"{path}:other"))


def renamed(state: State) -> State:
    return {name.replace("stem", "encoder"): tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (renamed, r"lacks 'stem.0.weight' and 5 more of the network and it has 'encoder.0.weight' and 5 more, unknown"),
        (lambda state: state | {"aux.weight": torch.ones(1)}, r"network: it has 'aux.weight', unknown to the network"),
        (
            lambda state: under("module.", dict(list(state.items())[1:])),
            r"network: it lacks 'stem.0.weight' of the network",
        ),
        (
            lambda state: state | {"head.weight": torch.ones(5, 4, 1, 1)},
            r"'head.weight' is 5 x 4 x 1 x 1 and .*3 x 4 x 1 x 1",
        ),
        (lambda _: {"epoch": 3}, "holds no named tensors"),
        (lambda state: list(state.values()), "holds no named tensors"),
    ],
)
def test_what_does_not_fit_shows_both_sides(content: Callable[[State], Any], says: str, tmp_path: Path) -> None:
    path = saved(content(network().state_dict()), tmp_path / "net.pth")
    with pytest.raises(SourceError, match=says):
        fill(untrained(), path)


class Removes:
    """Unpickling this would remove a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (shutil.rmtree, (str(self.folder),))


def test_nothing_is_executed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    content = {"state_dict": network().state_dict(), "hyper_parameters": Removes(tmp_path / "precious")}
    fill(untrained(), saved(content, tmp_path / "net.ckpt"))
    assert (tmp_path / "precious").is_dir()


@pytest.mark.parametrize("protocol", [2, 4])
def test_files_that_are_made_to_execute_are_refused(protocol: int, tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    content = {"state_dict": network().state_dict(), "hyper_parameters": Executes(proof)}
    saved(content, tmp_path / "net.ckpt", pickle_protocol=protocol)
    (tmp_path / "alone.pth").write_bytes(pickle.dumps(Executes(proof), protocol=protocol))
    for name in ("net.ckpt", "alone.pth"):
        with pytest.raises(CheckpointError, match="would run code when read"):
            fill(untrained(), tmp_path / name)
    assert not proof.exists()


def test_an_old_file_of_a_whole_network_is_refused(tmp_path: Path) -> None:
    path = saved(network(), tmp_path / "net.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"would run code when read; save `network.state_dict\(\)` alone"):
        fill(untrained(), path)


def test_a_checkpoint_named_as_model_is_told_what_it_needs(tmp_path: Path) -> None:
    for form in ("nested", "Lightning", "whole network", "plain"):
        path = saved(FORMS[form](network().state_dict()), tmp_path / "net.ckpt")
        with pytest.raises(UsageError, match="holds tensors without a network; name the function that makes it"):
            load_source(RunOptions(model=str(path)))
