"""What is wrong with a dataset on disk, as `segport` says it: one sentence that names the file, exit status 2."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.segdata.dataset_trees import helen_tree, lapa_tree, simple_celeb_tree, write_image, write_mask
from toolkit.cli import run_command

RECIPE = """
name = "small"
labels = "{labels}"
network = "fp-liif-mobile"
threads = 1
phases = [{{size = 16, steps = 1, batch = 1, points = 8}}]
data = {{size = 16}}
optimizer = {{warmup_steps = 0}}
"""
ANNO, IMAGES = "CelebAMask-HQ-mask-anno", "CelebA-HQ-img"
Harm = Callable[[Path], object]


def _celeb_tree(root: Path) -> None:
    simple_celeb_tree(root)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


def _unknown_id(path: Path) -> None:
    with Image.open(path) as mask:
        width, height = mask.size
    write_mask(path, np.full((height, width), 11, dtype=np.uint8), indexed=False)


def _another_size(path: Path) -> None:
    write_mask(path, np.zeros((3, 4), dtype=np.uint8), indexed=False)


LAPA_MASK, HELEN_MASK, CELEB_SKIN = "train/labels/00_0.png", "train/0_1_label.png", f"{ANNO}/0/00000_skin.png"
CASES: list[tuple[str, Harm, tuple[str, ...]]] = [
    ("lapa", lambda r: _cut(r / LAPA_MASK), ("00_0.png cannot be read", "replace the file")),
    ("lapa", lambda r: _pipe(r / LAPA_MASK), ("00_0.png is not a file", "put the picture there")),
    ("lapa", lambda r: _unknown_id(r / LAPA_MASK), ("00_0.png holds the unknown class id 11", "ids 0 to 10")),
    ("lapa", lambda r: _another_size(r / LAPA_MASK), ("00_0.png is 4x3 but image", "00_0.jpg is 11x14")),
    ("lapa", lambda r: (r / LAPA_MASK).unlink(), ("00_0.jpg has no partner in", "train/labels", "add the missing")),
    ("lapa", lambda r: (r / "train/images/01_0.jpg").unlink(), ("01_0.png has no partner in", "train/images")),
    ("lapa", lambda r: _cut(r / "train/images/00_0.jpg"), ("image", "00_0.jpg cannot be read")),
    ("lapa", lambda r: (r / "train").rename(r / "training"), ("train does not exist", "PATH/{train,val,test}/images")),
    ("lapa", lambda r: r.rename(r.with_name("moved")), ("data does not exist", "PATH/{train,val,test}/images")),
    ("helen", lambda r: _cut(r / HELEN_MASK), ("0_1_label.png cannot be read",)),
    ("helen", lambda r: _unknown_id(r / HELEN_MASK), ("0_1_label.png holds the unknown class id 11",)),
    ("helen", lambda r: _another_size(r / HELEN_MASK), ("0_1_label.png is 4x3 but image",)),
    ("helen", lambda r: (r / HELEN_MASK).unlink(), ("0_1_image.jpg has no partner in", "NAME_label.png")),
    ("helen", lambda r: (r / "train").rename(r / "x"), ("train does not exist", "PATH/{train,test}/NAME_image.jpg")),
    ("celebamask-hq", lambda r: _cut(r / CELEB_SKIN), ("00000_skin.png cannot be read",)),
    ("celebamask-hq", lambda r: _another_size(r / CELEB_SKIN), ("00000_hair.png is 16x16 but", "00000_skin.png is")),
    (
        "celebamask-hq",
        lambda r: write_image(r / IMAGES / "0.jpg", 32, 24),
        ("is 16x16 but image", "0.jpg is 24x32, which is another shape"),
    ),
    ("celebamask-hq", lambda r: (r / IMAGES / "0.jpg").unlink(), (f"{IMAGES}/0.jpg missing", "expected layout")),
    (
        "celebamask-hq",
        lambda r: (r / CELEB_SKIN).rename(r / ANNO / "0/00000_scales.png"),
        ("names the unknown part 'scales'", "known are: skin"),
    ),
    ("celebamask-hq", lambda r: (r / ANNO).rename(r / "masks"), (f"{ANNO} does not exist", "expected layout")),
    (
        "celebamask-hq",
        lambda r: (r / "CelebA-HQ-to-CelebA-mapping.txt").unlink(),
        ("CelebA-HQ-to-CelebA-mapping.txt is missing", "expected layout"),
    ),
]
TREES: dict[str, tuple[Harm, str]] = {
    "lapa": (lapa_tree, "face11"),
    "helen": (lambda root: helen_tree(root, 10), "face11"),
    "celebamask-hq": (_celeb_tree, "face19"),
}


def _check(status: int, errors: str, says: tuple[str, ...]) -> None:
    said = [line for line in errors.splitlines() if line.startswith("segport: ")]
    assert status == 2, errors
    assert len(said) == 1, errors
    assert "Traceback" not in errors
    for words in says:
        assert words in said[0]


@pytest.mark.parametrize(("kind", "harm", "says"), CASES, ids=[f"{case[0]}: {case[2][0]}" for case in CASES])
def test_training_on_a_bad_dataset(
    kind: str, harm: Harm, says: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, labels = TREES[kind]
    tree(tmp_path / "data")
    harm(tmp_path / "data")
    recipe, out = tmp_path / "small.toml", tmp_path / "out"
    recipe.write_text(RECIPE.format(labels=labels))
    status = run_command(["train", str(recipe), "--data", f"{kind}:{tmp_path / 'data'}", "--out", str(out)])
    _check(status, capsys.readouterr().err, says)
    assert not list(out.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_cut, ("20_0.png cannot be read",)),
        (_unknown_id, ("20_0.png holds the unknown class id 11",)),
        (_another_size, ("20_0.png is 4x3 but image",)),
        (lambda path: path.unlink(), ("20_0.jpg has no partner in",)),
    ],
    ids=["cut off", "unknown id", "another size", "missing"],
)
def test_judging_on_a_bad_dataset(
    harm: Harm, says: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lapa_tree(tmp_path / "data")
    harm(tmp_path / "data/test/labels/20_0.png")
    out = tmp_path / "out"
    status = run_command(["run", "--dataset", f"lapa:{tmp_path / 'data'}", "--out", str(out)])
    _check(status, capsys.readouterr().err, says)
    assert not out.exists()


def test_a_whole_dataset_trains_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lapa_tree(tmp_path / "data")
    recipe, out = tmp_path / "small.toml", tmp_path / "out"
    recipe.write_text(RECIPE.format(labels="face11"))
    status = run_command(["train", str(recipe), "--data", f"lapa:{tmp_path / 'data'}", "--out", str(out)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert "mean F1" in printed.out
    assert {path.name for path in out.glob("*.*")} == {
        "best.safetensors",
        "last.safetensors",
        "state.safetensors",
        "log.jsonl",
        "config.json",
        "report.html",
    }
