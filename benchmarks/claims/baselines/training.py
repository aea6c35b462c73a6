"""Training of a baseline, step by step as `fpliif.training` does it: same scenes, order, changes, points, loss, rates.

What differs is the network alone, so `fpliif`'s own pieces do the work. A training can be stopped and resumed at any
time. The folder holds ``pool-*/`` (scenes, shared by all baselines, and by FP-LIIF's own training if copied from there)
and per baseline ``NAME.state.safetensors``, ``NAME.best.safetensors`` and ``NAME.log.jsonl``.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from benchmarks.claims.baselines.weights_files import (
    Baseline,
    load_baseline,
    make_baseline,
    save_baseline,
    shipped_path,
)
from fpliif.errors import TrainingError
from fpliif.evaluate import evaluate
from fpliif.network import FPLIIF
from fpliif.training.augment import Augmenter
from fpliif.training.averaging import WeightAverage
from fpliif.training.config import TrainConfig
from fpliif.training.data import training_datasets
from fpliif.training.losses import sample_points, segmentation_loss
from fpliif.training.pool import open_pool
from fpliif.training.schedule import scene_order
from fpliif.training.showing.progress import Observer, TrainingLog
from fpliif.training.starting import choose_device, choose_half, make_optimizer
from fpliif.training.state import Standing, load_state, save_state

STAGES = (Path("fpliif/configs/fp-liif-face11-start.toml"), Path("fpliif/configs/fp-liif-face11.toml"))
"""The configs of FP-LIIF's 11-class training; each goes on from the best weights of the one before."""


def train_baseline(
    name: str,
    stages: Sequence[TrainConfig],
    out: Path,
    observers: Sequence[Observer] = (),
    weights: Path | None = None,
) -> Path:
    """Train (or go on training) a baseline and write its best weights as float16.

    Args:
        name: of the baseline.
        stages: FP-LIIF's configs whose budget it gets; their network and the checkpoint they start from are not used:
            the first stage starts from random weights, every other one from the baseline's best of the stage before.
        out: folder for pools, states and logs; made if missing.
        observers: told how it goes, beside the log.
        weights: where the result goes; beside this module when None.

    Returns:
        the path of the result.

    Raises:
        TrainingError: if a config does not belong at its stage, the folder's state belongs to another config, or the
            loss stops being finite.
        CheckpointError: for an unknown name.
    """
    start = None
    for number, config in enumerate(stages):
        _check_stage(number, config)
        if config.threads:
            torch.set_num_threads(config.threads)
        trainer = _Trainer(name, f"{name}-{number + 1}" if number else name, config, out, observers, start)
        trainer.run()
        start = load_baseline(trainer.best)
    assert start is not None
    path = weights or shipped_path(name, start.labels)
    save_baseline(name, start.network, start.labels, path, start.about, half=True)
    return path


def _check_stage(number: int, config: TrainConfig) -> None:
    if any(phase.output_sizes for phase in config.phases):
        raise TrainingError("a baseline answers at the picture's size; take a config without output_sizes")
    if bool(config.start) != bool(number):
        belongs = "goes on from an earlier stage" if config.start else "starts from random weights"
        raise TrainingError(f"config {config.name} {belongs} but is stage {number + 1}; give the stages in their order")


class _Trainer:
    def __init__(
        self,
        name: str,
        stage: str,
        config: TrainConfig,
        out: Path,
        observers: Sequence[Observer],
        start: Baseline | None,
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.name, self.config = name, config
        self.told: list[Observer] = [TrainingLog(out / f"{stage}.log.jsonl"), *observers]
        self.state, self.best = out / f"{stage}.state.safetensors", out / f"{stage}.best.safetensors"
        self.before = int(start.about["step"]) if start else 0
        datasets = training_datasets(config)
        self.digest = datasets[0].digest()
        self.pool, self.validation = (
            open_pool(dataset, out / f"pool-{dataset.split}", config.data.workers) for dataset in datasets
        )
        self.device = choose_device(config)
        self.half = choose_half(config, self.device)
        torch.manual_seed(config.seed)
        network = start.network if start else make_baseline(name, config.label_set)
        network = network.to(self.device).requires_grad_(True)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Averaging, optimizer and scores ask of an FPLIIF nothing but what every module has and forward(image, size).
        alike = cast(FPLIIF, self.network)
        self.average = WeightAverage(alike, config.optimizer.ema_decay)
        self.optimizer = make_optimizer(alike, config)
        self.augmenter = Augmenter(config.augment, config.label_set)
        self.standing = Standing(0, 0, 0.0, 0.0, self.digest, config.to_dict())
        if self.state.exists():
            self.standing = load_state(self.state, self.network, self.average, self.optimizer, config, self.digest)

    def run(self) -> None:
        config, step, seconds = self.config, self.standing.step, self.standing.seconds
        for observer in self.told:
            observer.started(step, config.steps)
        losses: list[Tensor] = []
        since = time.perf_counter()
        while step < config.steps:
            losses.append(self._take_step(step))
            step += 1
            last = step == config.steps
            if step % config.log_every == 0 or last:
                now = time.perf_counter()
                self._tell(step, losses, now - since)
                seconds, since, losses = seconds + now - since, now, []
            if step % config.validate_every == 0 or last:
                self._validate(step, seconds)
            if step % config.save_every == 0 or last:
                self._save(step, seconds)

    def _take_step(self, step: int) -> Tensor:
        config = self.config
        phase, seen = config.at(step)
        order = scene_order(config.seed, seen, phase.batch, len(self.pool))
        # As in fpliif.training: the seed depends on the step alone, so a resumed training is the same training.
        generator = torch.Generator(self.device).manual_seed(config.seed * 1_000_003 + step)
        images, masks = self.augmenter(*self.pool.fetch(order, self.device), phase.size, phase.zoom, generator)
        points = sample_points(masks, phase.points, config.loss.edge_radius, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate(step)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self.network.at_points(images.contiguous(memory_format=torch.channels_last), points.places)
        loss = segmentation_loss(logits, points.labels, points.edge, config.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.optimizer.gradient_clip)
        self.optimizer.step()
        self.average.update(cast(FPLIIF, self.network))
        return loss.detach()

    def _tell(self, step: int, losses: list[Tensor], seconds: float) -> None:
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise TrainingError(f"the loss is not a number near step {step}; lower the learning rate and train again")
        for observer in self.told:
            observer.stepped(step, mean, self.config.learning_rate(step - 1), seconds / len(losses))

    def _validate(self, step: int, seconds: float) -> None:
        scores = evaluate(self.average.network, self.validation, self.config.label_set, half=self.half)
        earlier = self.standing.best_mean_f1
        better = earlier is None or scores.mean_f1 > earlier
        if better:
            self.standing = dataclasses.replace(self.standing, best_miou=scores.miou, best_mean_f1=scores.mean_f1)
            about = {
                "step": self.before + step,
                "steps": self.before + self.config.steps,
                "seconds": round(seconds, 1),
                "seed": self.config.seed,
                "data": self.digest,
                "validation": {"miou": round(scores.miou, 6), "mean_f1": round(scores.mean_f1, 6)},
            }
            network = cast(torch.nn.Module, self.average.network)
            assert isinstance(network, type(self.network))
            save_baseline(self.name, network, self.config.label_set, self.best, about, half=False)
        for observer in self.told:
            observer.validated(step, scores, better)

    def _save(self, step: int, seconds: float) -> None:
        self.standing = dataclasses.replace(self.standing, step=step, averaged=self.average.updates, seconds=seconds)
        save_state(self.state, self.network, self.average, self.optimizer, self.standing)
