"""Training: it learns, it can be stopped anywhere, and it refuses to mix what does not belong together."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fpliif.checkpoint import load_checkpoint
from fpliif.config import PRESETS
from fpliif.errors import ConfigError, TrainingError
from fpliif.evaluate import Scores, evaluate
from fpliif.export import Training, export_checkpoint, export_run
from fpliif.training.config import DataConfig, OptimizerConfig, Phase, TrainConfig
from fpliif.training.loop import BEST, LAST, LOG, STATE, train
from fpliif.training.pool import open_pool
from segdata.dataset import Dataset, Sample
from segdata.labels import FACE11, LabelSet

SIZE = 32


class Halves(Dataset):
    """Dark pictures with a bright disc of skin on background and a red band of hair on top: easy to learn."""

    def __init__(self, split: str, length: int, labels: LabelSet = FACE11) -> None:
        self.name, self.split, self.labels, self.length = "halves", split, labels, length

    def __len__(self) -> int:
        return self.length

    def sample_id(self, index: int) -> str:
        return f"{self.split}-{index}"

    def fingerprint(self) -> str:
        return "1"

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng((len(self.split), index))
        rows, columns = np.mgrid[:SIZE, :SIZE]
        row, column, radius = rng.uniform(12, 20), rng.uniform(12, 20), rng.uniform(6, 10)
        mask = ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).astype(np.uint8)
        mask[: rng.integers(3, 8)] = 10
        colours = np.array([[40, 40, 60], *[[220, 200, 180]] * 9, [160, 20, 20]])[mask]
        image = np.clip(colours + rng.normal(0, 12, colours.shape), 0, 255).astype(np.uint8)
        return Sample(self.sample_id(index), image, mask)


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = {"widths": (8, 8, 16), "blocks": (1, 1, 1), "reduce_width": 16, "feature_width": 8, "pixel_width": 24}
    monkeypatch.setitem(PRESETS, "tiny", tiny)


def _config(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {
        "name": "tiny-net",
        "network": "tiny",
        "threads": 1,
        "precision": "float32",
        "phases": (Phase(16, 5, 4, 64, 1.5), Phase(SIZE, 4, 2, 128)),
        "optimizer": OptimizerConfig(warmup_steps=2, learning_rate=3e-3, ema_decay=0.9),
        "data": DataConfig(size=SIZE),
        "save_every": 2,
        "log_every": 1,
        "validate_every": 4,
    }
    return TrainConfig(**{**plain, **changes})


DATA = (Halves("train", 24), Halves("val", 6))


class StopAfter:
    """An observer that interrupts the training as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def scenes(self, split: str, ready: int, wanted: int) -> None: ...

    def started(self, step: int, steps: int) -> None: ...

    def stepped(self, step: int, loss: float, rate: float, seconds: float) -> None:
        if step == self.step:
            raise KeyboardInterrupt

    def validated(self, step: int, scores: Scores, best: bool) -> None: ...


def _entries(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != "seconds_a_step"} for entry in entries]


def test_it_learns(tmp_path: Path) -> None:
    phases = (Phase(SIZE, 150, 8, 256),)
    result = train(_config(phases=phases, validate_every=75, log_every=10), tmp_path, datasets=DATA)
    losses = [entry["loss"] for entry in _entries(tmp_path) if "loss" in entry]
    assert losses[-1] < 0.3 * losses[0]
    scores = result.scores
    assert min(scores.iou[name] or 0.0 for name in ("background", "skin", "hair")) > 0.8
    assert result.seconds > 0
    kept = load_checkpoint(result.best)
    assert kept.labels == FACE11
    again = evaluate(kept.network, open_pool(DATA[1], tmp_path / "pool-val"), FACE11)
    assert again.miou == pytest.approx(result.best_miou, abs=1e-9)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("stop", [1, 3, 5, 8])
def test_resuming_changes_nothing(tmp_path: Path, stop: int, precision: Any) -> None:
    config = _config(precision=precision)
    train(config, tmp_path / "whole", datasets=DATA)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", datasets=DATA, observers=[StopAfter(stop)])
    train(config, tmp_path / "parts", resume=True, datasets=DATA)
    assert _entries(tmp_path / "parts") == _entries(tmp_path / "whole")
    for name in (LAST, BEST):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    whole, parts = load_file(tmp_path / "whole" / STATE), load_file(tmp_path / "parts" / STATE)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_training_is_not_overwritten(tmp_path: Path) -> None:
    train(_config(), tmp_path, datasets=DATA)
    with pytest.raises(TrainingError, match="already holds a training"):
        train(_config(), tmp_path, datasets=DATA)


def test_resume_refuses_another_past(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(_config(), tmp_path, datasets=DATA, observers=[StopAfter(4)])
    for other in (_config(seed=1), _config(phases=(Phase(16, 5, 2, 64, 1.5), Phase(SIZE, 4, 2, 128)))):
        with pytest.raises(TrainingError, match="would come out differently"):
            train(other, tmp_path, resume=True, datasets=DATA)
    with pytest.raises(TrainingError, match="other data"):
        train(_config(), tmp_path, resume=True, datasets=(Halves("train", 23), DATA[1]))


def test_a_held_rate_lets_a_training_be_lengthened(tmp_path: Path) -> None:
    held = OptimizerConfig(warmup_steps=2, decay_steps=3)
    planned = _config(optimizer=held)
    longer = dataclasses.replace(planned, phases=(Phase(16, 9, 4, 64, 1.5), Phase(SIZE, 4, 2, 128)))
    with pytest.raises(KeyboardInterrupt):
        train(planned, tmp_path / "parts", datasets=DATA, observers=[StopAfter(4)])
    train(longer, tmp_path / "parts", resume=True, datasets=DATA)
    train(longer, tmp_path / "whole", datasets=DATA)
    assert (tmp_path / "parts" / LAST).read_bytes() == (tmp_path / "whole" / LAST).read_bytes()
    assert not planned.shares_past(longer, 7)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / STATE).write_bytes(b"rubbish")
    with pytest.raises(TrainingError, match="is damaged"):
        train(_config(), tmp_path, resume=True, datasets=DATA)


def test_data_of_other_classes(tmp_path: Path) -> None:
    other = LabelSet("two", ("a", "b"), ((0, 0, 0),) * 2)
    with pytest.raises(TrainingError, match="classes of two"):
        train(_config(), tmp_path, datasets=(Halves("train", 4, other), DATA[1]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this asks for what the machine has")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="torch sees none"):
        train(_config(device="cuda"), tmp_path, datasets=DATA)


def test_a_loss_that_explodes_is_reported(tmp_path: Path) -> None:
    wild = OptimizerConfig(warmup_steps=0, learning_rate=1e30, gradient_clip=1e30)
    with pytest.raises(TrainingError, match="not a number near step"):
        train(_config(optimizer=wild), tmp_path, datasets=DATA)


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": ()},
        {"labels": "face7"},
        {"network": "huge"},
        {"log_every": 0},
        {"phases": (Phase(8, 5, 1, 2),)},
        {"phases": (Phase(16, 5, 1, 7),)},
        {"phases": (Phase(16, 5, 1, 600),)},
        {"phases": (Phase(16, 5, 1, 8, 0.5),)},
        {"optimizer": OptimizerConfig(warmup_steps=9)},
        {"optimizer": OptimizerConfig(warmup_steps=2, decay_steps=8)},
    ],
)
def test_impossible_configs_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        _config(**changes)


def test_export_scores_what_it_wrote(tmp_path: Path) -> None:
    result = train(_config(), tmp_path / "run", datasets=DATA)
    test = Halves("test", 5)
    training = Training(_config(), "segport train x.toml", 9, 0.5, "a computer", {"name": "halves", "digest": "0" * 64})
    path = export_checkpoint(result.last, training, test, tmp_path / "weights", tmp_path / "work")
    card = json.loads(path.with_suffix(".json").read_text())
    written = load_checkpoint(path)
    scores = evaluate(written.network, open_pool(test, tmp_path / "again"), FACE11)
    assert card["test"]["miou"] == pytest.approx(scores.miou, abs=1e-6)
    assert card["test"]["per_class_iou"]["left_eye"] == scores.iou["left_eye"]
    assert card["sha256"] == written.sha256
    assert TrainConfig.from_dict(card["training"]["config"]) == _config()
    text = path.with_suffix(".md").read_text()
    assert "segport train x.toml" in text
    assert f"mIoU {card['test']['miou']:.4f}" in text


@pytest.mark.parametrize(("content", "said"), [(None, "does not exist"), ("colour = 1", "colour is not an option")])
def test_command_line_errors_are_one_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "config.toml"
    if content:
        path.write_text(content)
    command = [sys.executable, "-m", "fpliif.training", "--config", str(path), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_drawn_faces_from_training_to_card(tmp_path: Path) -> None:
    data = DataConfig(train_scenes=6, validation_scenes=2, test_scenes=2, size=SIZE)
    train(_config(data=data), tmp_path / "run")
    path = export_run(tmp_path / "run", tmp_path / "weights", "segport train tiny", "a computer")
    card = json.loads(path.with_suffix(".json").read_text())
    assert path.name == "tiny-net.safetensors"
    assert card["test"]["images"] == 2
    assert card["test"]["split"] == "test"
    assert card["training"]["steps"] == 9
    assert 0 < card["training"]["step"] <= 9


def test_export_of_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no validated training"):
        export_run(tmp_path, tmp_path / "weights", "c", "h")
    assert not (tmp_path / "weights").exists()
