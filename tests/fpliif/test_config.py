"""The config: strict, and equal to itself after a trip through JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpliif.config import PRESETS, FPLIIFConfig, preset
from fpliif.errors import ConfigError
from fpliif.training.config import CONFIGS, TrainConfig, shipped_config

widths = st.integers(1, 64)
configs = st.builds(
    FPLIIFConfig,
    classes=st.integers(1, 40),
    widths=st.tuples(widths, widths, widths),
    blocks=st.tuples(*[st.integers(0, 9)] * 3),
    norm=st.sampled_from(["batch", "instance"]),
    position_bands=st.integers(1, 6),
    pixel_depth=st.integers(2, 5),
)


@given(configs)
def test_json_round_trip(config: FPLIIFConfig) -> None:
    assert FPLIIFConfig.from_json(config.to_json()) == config


def test_unknown_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"network\.colour is not an option; the options are: classes"):
        FPLIIFConfig.from_dict({**preset("fp-liif", 3).to_dict(), "colour": 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", 0),
        ("classes", True),
        ("classes", "11"),
        ("classes", 2.0),
        ("widths", [64, 64]),
        ("widths", [64, 0, 64]),
        ("blocks", [1, 1, -1]),
        ("norm", "layer"),
        ("pixel_depth", 1),
        ("position_bands", 0),
        ("format", 2),
    ],
)
def test_bad_value_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        FPLIIFConfig.from_dict({**preset("fp-liif", 3).to_dict(), key: value})


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="JSON"):
        FPLIIFConfig.from_json(text)


def test_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"network\.classes is missing"):
        FPLIIFConfig.from_dict({"format": 1})


def test_unknown_preset_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=", ".join(PRESETS)):
        preset("fp-liif-huge", 11)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_training_configs_are_read_and_round_trip(path: Path) -> None:
    config = TrainConfig.from_toml(path)
    assert config.name == path.stem
    assert shipped_config(path.stem) == path
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_unknown_training_key_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\nphases = [{size = 32, steps = 10, batch = 1, points = 8, colour = 3}]\n')
    with pytest.raises(ConfigError, match=r"x\.toml: phases\[0\]\.colour is not an option"):
        TrainConfig.from_toml(path)


@pytest.mark.parametrize("text", ["name = ", "\x00"])
def test_broken_toml_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not a readable TOML file"):
        TrainConfig.from_toml(path)


def test_missing_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        TrainConfig.from_toml(tmp_path / "none.toml")


def test_only_what_cannot_change_the_past_may_change() -> None:
    config = TrainConfig.from_toml(shipped_config("fp-liif-face11"))
    same = dataclasses.replace(config, threads=7, log_every=1, data=dataclasses.replace(config.data, workers=9))
    assert same.shares_past(config, config.steps)
    other = dataclasses.replace(config, loss=dataclasses.replace(config.loss, edge=0.5))
    assert not other.shares_past(config, 1)
    last = dataclasses.replace(config.phases[-1], steps=config.phases[-1].steps + 1)
    longer = dataclasses.replace(config, phases=(*config.phases[:-1], last))
    held = config.steps - (config.optimizer.decay_steps or 0)
    assert longer.shares_past(config, held)
    assert not longer.shares_past(config, held + 1)
