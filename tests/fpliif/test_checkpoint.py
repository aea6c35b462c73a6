"""Checkpoints: what is written comes back, and whatever else is offered is refused in one sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fpliif.checkpoint import WEIGHTS, load_checkpoint, save_checkpoint, shipped
from fpliif.errors import CheckpointError
from segdata.labels import FACE11, LabelSet
from tests.fpliif.tiny_fpliif import scrambled, tiny_config

FIVE = LabelSet("five", ("sky", "left", "right", "sea", "sun"), ((1, 2, 3),) * 5, (("left", "right"),))
OTHER_FIVE = LabelSet("others", ("a", "b", "c", "d", "e"), ((1, 2, 3),) * 5)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_checkpoint(scrambled(tiny_config()), FIVE, path, about={"seed": 3})
    return path


def test_round_trip(saved: Path) -> None:
    loaded = load_checkpoint(saved)
    network = scrambled(tiny_config())
    assert loaded.labels == FIVE
    assert loaded.about == {"seed": 3}
    assert loaded.network.config == network.config
    assert not loaded.network.training
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(loaded.network(image, (16, 16)), network(image, (16, 16)))


def test_half_is_half_the_size_and_close(saved: Path) -> None:
    half = saved.with_name("half.safetensors")
    save_checkpoint(scrambled(tiny_config()), FIVE, half, half=True)
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        exact, rounded = (load_checkpoint(path).network(image, (16, 16)) for path in (saved, half))
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().max() <= 0.01 * exact.abs().max()
    assert load_checkpoint(half).network.state_dict().keys() == load_checkpoint(saved).network.state_dict().keys()
    assert half.stat().st_size < 0.62 * saved.stat().st_size


def test_equal_checkpoints_are_equal_files(saved: Path) -> None:
    again = saved.with_name("again.safetensors")
    sha256 = save_checkpoint(scrambled(tiny_config()), FIVE, again, about={"seed": 3})
    assert again.read_bytes() == saved.read_bytes()
    assert sha256 == load_checkpoint(saved).sha256


def test_torch_state_dict_with_its_config(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    network = scrambled(tiny_config())
    torch.save(network.state_dict(), path)
    loaded = load_checkpoint(path, config=network.config, labels=FIVE)
    assert torch.equal(loaded.network.reduce1.weight, network.reduce1.weight)
    with pytest.raises(CheckpointError, match="does not state its network config"):
        load_checkpoint(path, labels=FIVE)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x80\x04", b"PK\x03\x04rubbish", b"\xff" * 100])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(path, config=tiny_config(), labels=FIVE)


def test_a_cut_file(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        load_checkpoint(saved)


class _Trap:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
@pytest.mark.parametrize("name", ["net.pt", "net.bin"])
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path: Path, writer: str, name: str) -> None:
    path, target = tmp_path / name, tmp_path / "was-run"
    if writer == "torch":
        torch.save({"weight": _Trap(target)}, path)
    else:
        path.write_bytes(pickle.dumps({"weight": _Trap(target)}))
    with pytest.raises(CheckpointError, match="would run code"):
        load_checkpoint(path, config=tiny_config(), labels=FIVE)
    assert not target.exists()


def test_a_whole_object_is_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save([torch.zeros(3)], path)
    with pytest.raises(CheckpointError, match="no plain state dict"):
        load_checkpoint(path, config=tiny_config(), labels=FIVE)


def test_wrong_class_count(tmp_path: Path) -> None:
    network = scrambled(tiny_config())
    with pytest.raises(CheckpointError, match="5 classes but label set 'face11' has 11"):
        save_checkpoint(network, FACE11, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())
    torch.save(network.state_dict(), tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="5 classes but label set 'face11' has 11"):
        load_checkpoint(tmp_path / "x.pt", config=network.config, labels=FACE11)


@pytest.mark.parametrize("labels", [FACE11, OTHER_FIVE])
def test_other_classes_than_the_file_states(saved: Path, labels: LabelSet) -> None:
    with pytest.raises(CheckpointError, match="choose the label set that it was trained with"):
        load_checkpoint(saved, labels=labels)


def test_mismatching_shapes(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save(scrambled(tiny_config()).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"reduce1\.\w+ has shape \(16,.*where this network has \(20,"):
        load_checkpoint(path, config=tiny_config(reduce_width=20), labels=FIVE)
    with pytest.raises(CheckpointError, match=r"lacks encoder\.group1\.blocks\.1"):
        load_checkpoint(path, config=tiny_config(blocks=(2, 1, 2)), labels=FIVE)
    with pytest.raises(CheckpointError, match=r"unknown tensor encoder\.group1\.blocks\.0"):
        load_checkpoint(path, config=tiny_config(blocks=(0, 1, 2)), labels=FIVE)


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    network = scrambled(tiny_config())
    with torch.no_grad():
        network.reduce2.bias[0] = float("nan")
    save_checkpoint(network, FIVE, tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"reduce2\.bias holds values that are not finite"):
        load_checkpoint(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{", "damaged metadata"),
        ("[]", "damaged metadata"),
        (json.dumps({"config": {"format": 1, "classes": 5, "colour": 1}}), "colour is not an option"),
        (json.dumps({"config": 3}), "table of options"),
        (json.dumps({"labels": {"name": "x"}}), "damaged form"),
    ],
)
def test_damaged_metadata(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"fpliif": table})
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_nothing_half_written(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full_disk(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save_checkpoint(scrambled(tiny_config()), FIVE, saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_unknown_shipped_name() -> None:
    with pytest.raises(CheckpointError, match="there is no shipped checkpoint 'other'"):
        shipped("other")


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.safetensors")), ids=lambda p: p.stem)
def test_shipped_checkpoints_match_their_cards(path: Path) -> None:
    loaded = load_checkpoint(shipped(path.stem))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["sha256"] == loaded.sha256
    assert tuple(card["classes"]) == loaded.labels.names
    assert card["network"] == loaded.network.config.to_dict()
    assert f"{card['test']['miou']:.4f}" in path.with_suffix(".md").read_text()
