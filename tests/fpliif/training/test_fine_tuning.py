"""Quantization-aware fine-tuning: it mends what rounding breaks, resumes exactly, and says what it cannot start
from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fpliif.checkpoint import load_checkpoint
from fpliif.config import PRESETS
from fpliif.errors import ConfigError, TrainingError
from fpliif.evaluate import Scores, evaluate
from fpliif.rounded import RoundedFPLIIF
from fpliif.training.config import DataConfig, OptimizerConfig, Phase, TrainConfig
from fpliif.training.loop import LAST, train
from fpliif.training.pool import open_pool
from quantization import RecipeError
from segdata.labels import FACE11
from tests.fpliif.training.test_training import DATA, SIZE
from tests.fpliif.training.tiny_training import TINY_PRESET, StopAfter
from toolkit.apps.fine_tuning import rounding_of
from toolkit.cli import run_command

PLAIN = {
    "name": "tiny-net",
    "network": "tiny",
    "threads": 1,
    "precision": "float32",
    "data": DataConfig(size=SIZE),
}


def float_config(**changes: Any) -> TrainConfig:
    plain = {
        **PLAIN,
        "phases": (Phase(SIZE, 150, 8, 256),),
        "optimizer": OptimizerConfig(warmup_steps=2, learning_rate=3e-3, ema_decay=0.9),
        "validate_every": 150,
    }
    return TrainConfig(**{**plain, **changes})


def tuned(start: str, **changes: Any) -> TrainConfig:
    plain = {
        **PLAIN,
        "start": start,
        "phases": (Phase(SIZE, 30, 8, 256),),
        "optimizer": OptimizerConfig(warmup_steps=2, learning_rate=1e-3, ema_decay=0.8),
        "qat": "int4_dynamic",
        "qat_pictures": 4,
        "seed": 1,
        "save_every": 10,
        "validate_every": 30,
    }
    return TrainConfig(**{**plain, **changes})


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY_PRESET)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("float")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", TINY_PRESET)
        return str(train(float_config(), folder, datasets=DATA).last)


def rounded_scores(checkpoint: str, folder: Path, qat: str) -> Scores:
    """Of a checkpoint whose weights and activations are rounded."""
    pool = open_pool(DATA[1], folder / "judged")
    network = load_checkpoint(Path(checkpoint)).network
    pictures = [torch.as_tensor(image).permute(2, 0, 1)[None].float() / 255 for image in pool.images[:4]]
    return evaluate(RoundedFPLIIF(network, rounding_of(qat)(network, pictures)), pool, FACE11)


def test_it_mends_what_rounding_to_4_bits_breaks(start: str, tmp_path: Path) -> None:
    before = rounded_scores(start, tmp_path, "int4_dynamic").miou
    config = tuned(start)
    result = train(config, tmp_path / "qat", datasets=DATA, rounding=rounding_of(config.qat))
    after = rounded_scores(str(result.last), tmp_path, "int4_dynamic").miou
    exact = evaluate(load_checkpoint(Path(start)).network, open_pool(DATA[1], tmp_path / "judged"), FACE11).miou
    assert before < exact
    assert exact - after < 0.5 * (exact - before)
    assert load_checkpoint(result.best).about["qat"] == "int4_dynamic"


def test_resuming_changes_nothing(start: str, tmp_path: Path) -> None:
    config = tuned(start, qat="int8_static")
    made = rounding_of(config.qat)
    train(config, tmp_path / "whole", datasets=DATA, rounding=made)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", datasets=DATA, rounding=made, observers=[StopAfter(20)])
    train(config, tmp_path / "parts", resume=True, datasets=DATA, rounding=made)
    assert (tmp_path / "parts" / LAST).read_bytes() == (tmp_path / "whole" / LAST).read_bytes()
    assert (tmp_path / "parts" / LAST).read_bytes() != Path(start).read_bytes()


def test_what_it_cannot_start_from(start: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="goes on from a trained network"):
        tuned("")
    with pytest.raises(TrainingError, match="segport train"):
        train(tuned(start), tmp_path, datasets=DATA)
    other = tuned("fp-liif-mobile-face11")
    with pytest.raises(TrainingError, match="same network"):
        train(other, tmp_path, datasets=DATA, rounding=rounding_of(other.qat))
    with pytest.raises(RecipeError, match="nothing to train for"):
        rounding_of("float16")


def test_a_shorter_schedule_keeps_its_shape(start: str) -> None:
    short = tuned(start).lasting(10)
    assert (short.steps, short.optimizer.warmup_steps, short.optimizer.decay_steps) == (10, 1, 9)
    with pytest.raises(ConfigError, match="2 phases"):
        float_config(phases=(Phase(16, 5, 4, 64), Phase(SIZE, 4, 2, 128))).lasting(4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--qat-recipe", "float16"], "nothing to train for"),
        (["--qat-recipe", "int7"], "int7"),
        (["fp-liif-mobile-face11", "--qat"], "name its checkpoint as start"),
        (["--qat", "--start", "nowhere.safetensors"], "nowhere.safetensors"),
        (["fp-liif-mobile-face11", "--qat", "--start", "fp-liif-face11"], "same network"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(
        'name = "t"\nnetwork = "tiny"\nstart = "fp-liif-face11"\nqat = "int8_static"\n[optimizer]\nwarmup_steps ='
        " 0\n[data]\ntrain_scenes = 2\nvalidation_scenes = 1\nsize = 32\n[[phases]]\nsize = 32\nsteps = 2\nbatch ="
        " 1\npoints = 64\n"
    )
    named = arguments if arguments[0].startswith("fp-") else [str(config), *arguments]
    assert run_command(["train", *named, "--out", str(tmp_path / "out")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
