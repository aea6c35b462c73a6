"""Train FP-LIIF: `train` runs a `TrainConfig` into a folder and can be stopped and resumed at any time.

Each step draws random changes on a batch of scenes, evaluates the network at sampled pixels only (the pixel MLP costs
nothing where nobody looks, and the maths is that of the dense answer), and updates AdamW and the weight average.

The folder holds ``pool-*/`` (scenes), ``state.safetensors`` (where it stands), ``best.safetensors`` (best mean F1),
``last.safetensors`` (the end), ``log.jsonl``, ``config.json`` and ``report.html``, drawn anew at every validation.

    python -m fpliif.training --config FILE.toml --out FOLDER [--resume]
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fpliif.checkpoint import load_checkpoint, replace_file, save_checkpoint
from fpliif.errors import TrainingError
from fpliif.evaluate import Scores, evaluate
from fpliif.network import FPLIIF
from fpliif.rounded import MakeRounding, RoundedFPLIIF
from fpliif.training.augment import Augmenter
from fpliif.training.averaging import WeightAverage
from fpliif.training.config import TrainConfig
from fpliif.training.data import check_classes, training_datasets
from fpliif.training.losses import sample_points, segmentation_loss
from fpliif.training.pool import Pool, open_pool
from fpliif.training.schedule import scene_order
from fpliif.training.showing.progress import Observer, TrainingLog
from fpliif.training.showing.report import example_answers, write_training_report
from fpliif.training.starting import (
    choose_device,
    choose_half,
    make_optimizer,
    place_pools,
    start_and_pictures,
    start_from,
    started_network,
)
from fpliif.training.state import Standing, load_state, save_state
from segdata.dataset import Dataset

STATE = "state.safetensors"
BEST, LAST = "best.safetensors", "last.safetensors"
LOG, CONFIG, REPORT = "log.jsonl", "config.json", "report.html"


@dataclass(frozen=True)
class TrainResult:
    """Hold what a finished training leaves.

    Attributes:
        best, last: checkpoints (averaged weights) of the best validation and of the end.
        scores: of `last` on the validation scenes, computed in float32 (and rounded, if the training was).
        best_miou, best_mean_f1: of `best`, as validated during training; mean F1 over the foreground chose it.
        seconds: time spent training, without drawing scenes.
        device: what it ran on, for people.
    """

    best: Path
    last: Path
    scores: Scores
    best_miou: float
    best_mean_f1: float
    seconds: float
    device: str


def train(
    config: TrainConfig,
    out: Path,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    datasets: tuple[Dataset, Dataset] | None = None,
    rounding: MakeRounding | None = None,
) -> TrainResult:
    """Run a training to its end.

    Args:
        config: everything that decides the weights.
        out: folder for the results; made if missing.
        resume: go on where the folder's training stopped (or start, if it has not begun).
        observers: told how it goes, beside the folder's log.
        datasets: (train, validation) samples, square and of one size each; those of the config when None.
        rounding: makes the rounding of a config with `qat`: quantization is another package's business.

    Raises:
        TrainingError: if the config asks for quantization-aware fine-tuning and nobody says how to round, if the folder
            holds a training and `resume` is false, if it belongs to another config, if there is no GPU where one was
            asked for, or if the loss stops being finite.
        DataError: if a dataset or one of its files cannot be used.
    """
    if (out / STATE).exists() and not resume:
        raise TrainingError(f"{out} already holds a training; resume it or choose another output folder")
    if config.qat and rounding is None:
        raise TrainingError("the config asks for quantization-aware fine-tuning; train it with `segport train`")
    if config.threads:
        torch.set_num_threads(config.threads)
    chosen = datasets or training_datasets(config)
    for dataset in chosen:
        check_classes(config, dataset)
    if config.start:
        started_network(config)  # before anything is drawn: a mistake in the name is told at once
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / CONFIG, json.dumps(config.to_dict(), indent=2).encode())
    told = [TrainingLog(out / LOG), *observers]
    pools, digest = _pools(config, chosen, out, told)
    return _Trainer(config, out, told, pools, digest, rounding if config.qat else None).run()


def _pools(
    config: TrainConfig, datasets: tuple[Dataset, Dataset], out: Path, told: Sequence[Observer]
) -> tuple[tuple[Pool, Pool], str]:
    pools = []
    for dataset in datasets:

        def tell(ready: int, wanted: int, split: str = dataset.split) -> None:
            for observer in told:
                observer.scenes(split, ready, wanted)

        pools.append(open_pool(dataset, out / f"pool-{dataset.split}", config.data.workers, tell))
    return (pools[0], pools[1]), datasets[0].digest()


class _Trainer:
    def __init__(
        self,
        config: TrainConfig,
        out: Path,
        told: Sequence[Observer],
        pools: tuple[Pool, Pool],
        digest: str,
        rounding: MakeRounding | None,
    ) -> None:
        self.config, self.out, self.told, self.digest = config, out, told, digest
        self.device = choose_device(config)
        self.half = choose_half(config, self.device)
        self.train_pool, self.validation_pool = place_pools(pools, self.device)
        torch.manual_seed(config.seed)
        network = FPLIIF(config.network_config())
        if config.start and not (out / STATE).exists():
            start_from(network, config.start)
        # bfloat16 convolutions on CPUs are only quick in this layout, and GPUs prefer it too.
        self.network: FPLIIF = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.network, config.optimizer.ema_decay)
        self.optimizer = make_optimizer(self.network, config)
        at_points = self.network.at_points
        self.judged: nn.Module = self.average.network
        if rounding is not None:
            rounds = rounding(*start_and_pictures(config, self.train_pool, self.device))
            at_points = RoundedFPLIIF(self.network, rounds).at_points
            self.judged = RoundedFPLIIF(self.average.network, rounds)
        self.at_points = torch.compile(at_points) if config.compile else at_points
        self.augmenter = Augmenter(config.augment, config.label_set)
        self.step, self.seconds = 0, 0.0
        self.best_f1: float | None = None
        self.best_miou = 0.0
        if (out / STATE).exists():
            self._restore()

    def run(self) -> TrainResult:
        for observer in self.told:
            observer.started(self.step, self.config.steps)
        losses: list[Tensor] = []
        last = time.perf_counter()
        while self.step < self.config.steps:
            losses.append(self._take_step())
            self.step += 1
            if self.step % self.config.log_every == 0 or self.step == self.config.steps:
                self._tell_losses(losses, last)
                last = self._clock(last)
                losses = []
            if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                self._validate()
            if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                last = self._clock(last)
                self._save()
        return self._finish()

    def _restore(self) -> None:
        standing = load_state(self.out / STATE, self.network, self.average, self.optimizer, self.config, self.digest)
        self.step, self.seconds = standing.step, standing.seconds
        self.best_miou, self.best_f1 = standing.best_miou, standing.best_mean_f1
        if self.best_f1 is None and (self.out / BEST).is_file() and self.best_miou:
            # A state from before mean F1 chose the best checkpoint: judge the one it kept.
            kept = load_checkpoint(self.out / BEST).network.to(self.device)
            self.best_f1 = evaluate(kept, self.validation_pool, self.config.label_set, half=self.half).mean_f1

    def _clock(self, last: float) -> float:
        now = time.perf_counter()
        self.seconds += now - last
        return now

    def _take_step(self) -> Tensor:
        phase, seen = self.config.at(self.step)
        order = scene_order(self.config.seed, seen, phase.batch, len(self.train_pool))
        # A seed that depends on the step alone makes resuming exact without storing generator states.
        generator = torch.Generator(self.device).manual_seed(self.config.seed * 1_000_003 + self.step)
        scenes = self.train_pool.fetch(order, self.device)
        output_size = phase.grid_at(self.config.seed, self.step)
        images, masks = self.augmenter(*scenes, phase.size, phase.zoom, generator, output_size)
        points = sample_points(masks, phase.points, self.config.loss.edge_radius, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate(self.step)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self.at_points(images.contiguous(memory_format=torch.channels_last), points.places)
        loss = segmentation_loss(logits, points.labels, points.edge, self.config.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimizer.gradient_clip)
        self.optimizer.step()
        self.average.update(self.network)
        return loss.detach()

    def _tell_losses(self, losses: list[Tensor], since: float) -> None:
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise TrainingError(f"the loss is not a number near step {self.step}; lower the learning rate and resume")
        rate = self.config.learning_rate(self.step - 1)
        for observer in self.told:
            observer.stepped(self.step, mean, rate, (time.perf_counter() - since) / len(losses))

    def _validate(self) -> None:
        scores = evaluate(self.judged, self.validation_pool, self.config.label_set, half=self.half)
        better = self.best_f1 is None or scores.mean_f1 > self.best_f1
        if better:
            self.best_f1, self.best_miou = scores.mean_f1, scores.miou
            self._export(BEST)
        for observer in self.told:
            observer.validated(self.step, scores, better)
        examples = example_answers(self.judged, self.validation_pool, self.half)
        write_training_report(self.out / REPORT, self.config, self.out / LOG, examples)

    def _save(self) -> None:
        config = self.config.to_dict()
        standing = Standing(
            self.step, self.average.updates, self.best_miou, self.seconds, self.digest, config, self.best_f1
        )
        save_state(self.out / STATE, self.network, self.average, self.optimizer, standing)

    def _export(self, name: str) -> None:
        about = {"training": self.config.name, "step": self.step, "seed": self.config.seed}
        if self.config.qat:
            about["qat"] = self.config.qat
        save_checkpoint(self.average.network, self.config.label_set, self.out / name, about=about)

    def _finish(self) -> TrainResult:
        self._export(LAST)
        scores = evaluate(self.judged, self.validation_pool, self.config.label_set)
        device = (
            torch.cuda.get_device_name() if self.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        )
        assert self.best_f1 is not None  # the last step validates
        best = self.out / BEST
        return TrainResult(best, self.out / LAST, scores, self.best_miou, self.best_f1, self.seconds, device)
