"""A training so small that it takes a moment, on trees of picture files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fpliif.evaluate import Scores
from fpliif.training.config import DataConfig, OptimizerConfig, Phase, TrainConfig
from tests.segdata.dataset_trees import helen_tree, lapa_tree, simple_celeb_tree

TINY_PRESET = {"widths": (8, 8, 16), "blocks": (1, 1, 1), "reduce_width": 16, "feature_width": 8, "pixel_width": 24}
SIZE = 32
TREES: dict[str, tuple[Callable[[Path], object], str]] = {
    "lapa": (lapa_tree, "face11"),
    "helen": (lambda root: helen_tree(root, 12), "face11"),
    "celebamask-hq": (simple_celeb_tree, "face19"),
    "celebamask-hq-bisenet": (simple_celeb_tree, "face19"),
}


def config_on(kind: str, root: Path, **changes: Any) -> TrainConfig:
    """A config of the preset "tiny" on a fresh tree of dataset `kind` under `root`."""
    tree, labels = TREES[kind]
    tree(root)
    plain = TrainConfig(
        name="tiny-net",
        labels=labels,
        network="tiny",
        threads=1,
        precision="float32",
        phases=(Phase(16, 3, 2, 64, 1.5), Phase(SIZE, 3, 2, 128, output_sizes=(16, 24, 48))),
        optimizer=OptimizerConfig(warmup_steps=2, learning_rate=3e-3, ema_decay=0.9),
        data=DataConfig(dataset=f"{kind}:{root}", size=SIZE),
        save_every=2,
        log_every=1,
        validate_every=3,
    )
    return dataclasses.replace(plain, **changes)


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
