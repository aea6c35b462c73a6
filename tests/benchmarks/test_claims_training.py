from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from benchmarks.claims.baselines import networks, training
from benchmarks.claims.baselines.weights_files import load_baseline
from fpliif.errors import CheckpointError, TrainingError
from fpliif.training.config import DataConfig, OptimizerConfig, Phase, TrainConfig

TINY = TrainConfig(
    name="tiny",
    phases=(Phase(size=32, steps=3, batch=2, points=32), Phase(size=32, steps=1, batch=2, points=32)),
    device="cpu",
    precision="float32",
    validate_every=2,
    save_every=2,
    log_every=1,
    data=DataConfig(train_scenes=4, validation_scenes=2, size=32),
    optimizer=OptimizerConfig(learning_rate=1e-2, warmup_steps=1),
)


@pytest.fixture(autouse=True)
def small_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(networks.BASELINES, "unet", lambda classes: networks.UNet(classes, (4, 8)))


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = training.train_baseline("unet", [TINY], tmp_path / "whole", weights=tmp_path / "whole.safetensors")
    step = training._Trainer._take_step

    def failing(self: training._Trainer, number: int) -> torch.Tensor:
        if number == 3:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training._Trainer, "_take_step", failing)
        training.train_baseline("unet", [TINY], tmp_path / "parts")
    parts = training.train_baseline("unet", [TINY], tmp_path / "parts", weights=tmp_path / "parts.safetensors")
    one, other = load_baseline(whole), load_baseline(parts)
    for name, tensor in one.network.state_dict().items():
        torch.testing.assert_close(other.network.state_dict()[name], tensor, rtol=0, atol=0)
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts" / "unet.log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 2, 3, 4, 4]
    assert one.about["steps"] == 4


def test_weights_move_and_are_stored_as_half(tmp_path: Path) -> None:
    from fpliif.checkpoint import read_tensors

    path = training.train_baseline("unet", [TINY], tmp_path, weights=tmp_path / "w.safetensors")
    tensors, _ = read_tensors(path)
    assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.float16}
    torch.manual_seed(TINY.seed)
    start = networks.BASELINES["unet"](11).state_dict()
    assert not torch.allclose(start["head.weight"], tensors["head.weight"].float(), atol=1e-4)


def test_other_data_and_other_output_sizes_are_refused(tmp_path: Path) -> None:
    training.train_baseline("unet", [TINY], tmp_path, weights=tmp_path / "w.safetensors")
    other = dataclasses.replace(TINY, data=dataclasses.replace(TINY.data, seed=1))
    with pytest.raises(TrainingError, match="other data"):
        training.train_baseline("unet", [other], tmp_path, weights=tmp_path / "w.safetensors")
    sizes = dataclasses.replace(TINY, phases=(dataclasses.replace(TINY.phases[0], steps=4, output_sizes=(32, 64)),))
    with pytest.raises(TrainingError, match="output_sizes"):
        training.train_baseline("unet", [sizes], tmp_path)


def test_weights_that_are_not_ours_are_refused_in_one_sentence(tmp_path: Path) -> None:
    from fpliif.checkpoint import shipped

    with pytest.raises(CheckpointError, match="does not exist"):
        load_baseline(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="not a trained baseline"):
        load_baseline(shipped("fp-liif-face11"))


def test_a_second_stage_goes_on_from_the_best_of_the_first(tmp_path: Path) -> None:
    second = dataclasses.replace(
        TINY, start="elsewhere", seed=1, phases=TINY.phases[1:], optimizer=OptimizerConfig(1e-9, warmup_steps=0)
    )
    first = load_baseline(training.train_baseline("unet", [TINY], tmp_path, weights=tmp_path / "1.safetensors"))
    path = training.train_baseline("unet", [TINY, second], tmp_path, weights=tmp_path / "2.safetensors")
    both = load_baseline(path)
    assert both.about["step"] == first.about["step"] + 1
    # A step of almost no length leaves the weights where the first stage brought them.
    ended, began = both.network.state_dict(), first.network.state_dict()
    torch.testing.assert_close(ended["head.weight"], began["head.weight"], atol=1e-3, rtol=1e-2)
    with pytest.raises(TrainingError, match="stage 1"):
        training.train_baseline("unet", [second], tmp_path)
    with pytest.raises(TrainingError, match="stage 2"):
        training.train_baseline("unet", [TINY, TINY], tmp_path)
