"""Training on pictures from disk: every face dataset, several output sizes, stopped and resumed, down to the card."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fpliif.config import PRESETS
from fpliif.errors import ConfigError, TrainingError
from fpliif.export import export_run
from fpliif.training.config import CONFIGS, DataConfig, Phase, TrainConfig
from fpliif.training.data import testing_dataset as judging_split
from fpliif.training.data import training_datasets
from fpliif.training.loop import BEST, LAST, LOG, STATE, train
from fpliif.training.pool import disk_bytes
from fpliif.training.state import KEY
from segdata import DataError
from tests.fpliif.training.tiny_training import TINY_PRESET, TREES, StopAfter, config_on


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY_PRESET)


def _entries(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != "seconds_a_step"} for entry in entries]


@pytest.mark.parametrize("kind", TREES)
def test_training_on_a_dataset_resumes_exactly(kind: str, tmp_path: Path) -> None:
    config = config_on(kind, tmp_path / "data")
    whole = train(config, tmp_path / "whole")
    assert sum("miou" in entry for entry in _entries(tmp_path / "whole")) == 2
    assert 0.0 <= whole.best_mean_f1 <= 1.0
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", observers=[StopAfter(5)])
    train(config, tmp_path / "parts", resume=True)
    assert _entries(tmp_path / "parts") == _entries(tmp_path / "whole")
    for name in (LAST, BEST):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_without_a_validation_split_every_tenth_training_picture_validates(tmp_path: Path) -> None:
    config = config_on("helen", tmp_path / "data")
    train_set, validation = training_datasets(config)
    own = {validation.sample_id(index) for index in range(len(validation))}
    rest = {train_set.sample_id(index) for index in range(len(train_set))}
    assert (len(rest), len(own), train_set.split, validation.split) == (11, 1, "train", "val")
    assert not own & rest
    judged = judging_split(config)
    assert judged.split == "test"
    assert train_set[0].image.shape == judged[0].image.shape == (32, 32, 3)
    assert len({train_set.digest(), validation.digest(), judged.digest()}) == 3
    for outside in (-1, 11):
        with pytest.raises(IndexError):
            train_set[outside]


def test_a_dataset_too_small_to_validate_is_named(tmp_path: Path) -> None:
    config = config_on("helen", tmp_path / "data")
    with pytest.raises(DataError, match="too small to take a 'val' split"):
        training_datasets(dataclasses.replace(config, data=dataclasses.replace(config.data, limit=9)))


def test_a_limit_takes_the_first_pictures(tmp_path: Path) -> None:
    config = config_on("lapa", tmp_path / "data")
    limited = dataclasses.replace(config, data=dataclasses.replace(config.data, limit=2))
    assert [len(each) for each in training_datasets(limited)] == [2, 2]
    assert [len(each) for each in training_datasets(config)] == [3, 3]
    assert len(judging_split(config, 1)) == 1


def test_a_dataset_without_the_classes_leaves_no_folder(tmp_path: Path) -> None:
    config = config_on("lapa", tmp_path / "data", labels="face19")
    with pytest.raises(DataError, match="no class 'left_brow'"):
        train(config, tmp_path / "out")
    missing = dataclasses.replace(config, data=DataConfig(dataset=f"lapa:{tmp_path / 'nowhere'}"))
    with pytest.raises(DataError, match=r"nowhere does not exist; the expected layout is PATH"):
        train(missing, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_picture_makes_other_data(tmp_path: Path) -> None:
    config = config_on("lapa", tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "out", observers=[StopAfter(3)])
    mask = tmp_path / "data/train/labels/00_0.png"
    mask.write_bytes(mask.read_bytes() + b"\0")
    with pytest.raises(TrainingError, match="belongs to a training on other data"):
        train(config, tmp_path / "out", resume=True)


def test_a_disk_without_room_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_on("lapa", tmp_path / "data")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=disk_bytes(3, 32) - 1))
    with pytest.raises(TrainingError, match=r"3 pictures of 32x32 need 0\.0 GB in .*pool-train .*make room"):
        train(config, tmp_path / "out")
    assert not (tmp_path / "out/pool-train/images.npy").exists()


def test_the_card_names_dataset_and_test_split(tmp_path: Path) -> None:
    config = config_on("lapa", tmp_path / "data")
    train(config, tmp_path / "run")
    path = export_run(tmp_path / "run", tmp_path / "weights", "segport train tiny", "a computer")
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["test"]["split"], card["test"]["images"]) == ("test", 3)
    assert card["training"]["data"]["name"] == f"lapa:{tmp_path / 'data'}"
    assert "drawn" not in card["limits"]


NEWER = {"dataset": "data", "limit": "data", "start": ""}


def test_a_state_of_an_older_version_resumes_to_the_same_weights(tmp_path: Path) -> None:
    """What trained before these options existed, with the best checkpoint chosen by mIoU, goes on as it was."""
    drawn = DataConfig(train_scenes=4, validation_scenes=2, size=32)
    config = config_on("lapa", tmp_path / "data", data=drawn, phases=(Phase(16, 3, 2, 64, 1.5), Phase(32, 3, 2, 128)))
    train(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", observers=[StopAfter(5)])
    state = tmp_path / "parts" / STATE
    with safe_open(state, framework="pt") as file:
        standing = json.loads(file.metadata()[KEY])
    assert standing["best_miou"] > 0
    del standing["best_mean_f1"]
    for key, table in NEWER.items():
        del (standing["config"][table] if table else standing["config"])[key]
    for phase in standing["config"]["phases"]:
        del phase["output_sizes"]
    save_file(load_file(state), state, {KEY: json.dumps(standing)})
    resumed = train(config, tmp_path / "parts", resume=True)
    for name in (LAST, BEST):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed.scores.mean_f1 <= resumed.best_mean_f1 + 1e-9


def test_output_sizes_are_drawn_by_step() -> None:
    phase = Phase(64, 100, 2, 128, output_sizes=(32, 64, 96))
    drawn = [phase.grid_at(0, step) for step in range(60)]
    assert drawn == [phase.grid_at(0, step) for step in range(60)]
    assert set(drawn) == {32, 64, 96}
    assert drawn != [phase.grid_at(1, step) for step in range(60)]
    assert {Phase(64, 100, 2).grid_at(0, step) for step in range(9)} == {64}


def test_more_points_than_the_smallest_grid_has_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"phases\[0\]\.points must be even and between 2 and 256"):
        TrainConfig(name="x", phases=(Phase(64, 900, 1, 300, output_sizes=(64, 16)),))


@pytest.mark.parametrize("name", ["lapa", "helen", "celebamask-hq"])
def test_recipes_for_photographs_are_full_size(name: str) -> None:
    config = TrainConfig.from_toml(CONFIGS / f"{name}.toml")
    assert config.data.size == config.phases[-1].size == 512
    assert config.data.dataset.startswith(f"{name}:")
    assert max(config.phases[-1].output_sizes) == 512
    assert (config.device, config.precision, config.compile) == ("cuda", "bfloat16", True)
