"""What a training starts with: another checkpoint's weights, and which validation counts as best."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import fpliif.training.loop
from fpliif.checkpoint import load_checkpoint, save_checkpoint
from fpliif.config import PRESETS
from fpliif.errors import CheckpointError, TrainingError
from fpliif.evaluate import Scores
from fpliif.network import FPLIIF
from fpliif.training.config import DataConfig
from fpliif.training.loop import BEST, train
from fpliif.training.starting import place_pools, start_from
from segdata.labels import FACE11, FACE19, LabelSet
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from tests.fpliif.training.tiny_training import TINY_PRESET, config_on

HEAD = {"pixel.3.weight", "pixel.3.bias"}


def _saved(folder: Path, classes: LabelSet = FACE11) -> tuple[FPLIIF, str]:
    network = scrambled(tiny_config(classes=len(classes)))
    save_checkpoint(network, classes, folder / "first.safetensors")
    return network, str(folder / "first.safetensors")


def test_equal_networks_start_equal(tmp_path: Path) -> None:
    source, path = _saved(tmp_path)
    network = FPLIIF(tiny_config(classes=11))
    assert start_from(network, path) == 0
    assert all(torch.equal(network.state_dict()[name], value) for name, value in source.state_dict().items())


def test_only_a_head_of_other_classes_stays_random(tmp_path: Path) -> None:
    source, path = _saved(tmp_path)
    network = FPLIIF(tiny_config(classes=len(FACE19)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert start_from(network, path) == len(HEAD)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name] if name in HEAD else source.state_dict()[name]), name


def test_a_checkpoint_of_which_nothing_fits(tmp_path: Path) -> None:
    path = _saved(tmp_path)[1]
    wider = {"widths": (9, 13, 17), "reduce_width": 18, "feature_width": 11, "pixel_width": 25}
    with pytest.raises(TrainingError, match=r"first\.safetensors: no tensor fits"):
        start_from(FPLIIF(tiny_config(classes=4, norm="instance", **wider)), path)


@pytest.mark.parametrize("name", ["fp-liif-face12", "nowhere.safetensors"])
def test_a_checkpoint_that_does_not_exist(name: str) -> None:
    with pytest.raises(CheckpointError):
        start_from(FPLIIF(tiny_config()), name)


def _scores(confusion: list[list[int]]) -> Scores:
    whole = np.zeros((11, 11), dtype=np.int64)
    whole[:2, :2] = confusion
    return Scores(FACE11.names, whole)


def test_mean_f1_chooses_the_best_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second validation has the higher mIoU, by its background alone, and the lower F1."""
    monkeypatch.setitem(PRESETS, "tiny", TINY_PRESET)
    first, second = _scores([[10, 5], [0, 20]]), _scores([[1000, 5], [2, 20]])
    assert first.miou < second.miou
    assert first.mean_f1 > second.mean_f1
    answers = iter([first, second, second])
    monkeypatch.setattr(fpliif.training.loop, "evaluate", lambda *_, **__: next(answers))
    result = train(config_on("lapa", tmp_path / "data"), tmp_path / "out")
    assert load_checkpoint(tmp_path / "out" / BEST).about["step"] == 3
    assert (result.best_mean_f1, result.best_miou) == (first.mean_f1, first.miou)


def test_training_starts_from_the_named_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY_PRESET)
    config = config_on("lapa", tmp_path / "data", data=DataConfig(train_scenes=2, validation_scenes=1, size=32))
    first = train(config, tmp_path / "first")
    frozen = dataclasses.replace(config.optimizer, learning_rate=0.0)
    second = train(dataclasses.replace(config, start=str(first.last), optimizer=frozen), tmp_path / "second")
    kept, now = load_checkpoint(first.last).network, load_checkpoint(second.last).network
    for (name, one), other in zip(kept.named_parameters(), now.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6, msg=name)


def test_pools_stay_on_disk_without_a_gpu() -> None:
    pools = (object(), object())
    assert place_pools(pools, torch.device("cpu")) is pools  # type: ignore[arg-type, comparison-overlap]
