"""Training of FP-LIIF: `train` runs a `TrainConfig` into a folder and can be stopped and resumed at any time.

Each step draws random changes on a batch of scenes, evaluates the network at sampled pixels only (the pixel MLP costs
nothing where nobody looks, and the maths is that of the dense answer), and updates AdamW and the weight average.

The folder holds ``pool-*/`` (scenes), ``state.safetensors`` (where it stands), ``best.safetensors`` (best validation),
``last.safetensors`` (the end), ``log.jsonl`` and ``config.json``.

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
from torch import Tensor

from fpliif.augment import Augmenter
from fpliif.averaging import WeightAverage
from fpliif.checkpoint import read_tensors, replace_file, save_checkpoint, shipped
from fpliif.errors import TrainingError
from fpliif.evaluate import Scores, evaluate
from fpliif.losses import sample_points, segmentation_loss
from fpliif.network import FPLIIF
from fpliif.pool import Pool, open_pool
from fpliif.progress import Observer, TrainingLog
from fpliif.schedule import scene_order
from fpliif.train_config import TrainConfig
from fpliif.train_state import Standing, load_state, save_state
from segdata.dataset import Dataset

STATE, BEST, LAST, LOG, CONFIG = (
    "state.safetensors", "best.safetensors", "last.safetensors", "log.jsonl", "config.json",
)  # fmt: skip


@dataclass(frozen=True)
class TrainResult:
    """What a finished training leaves.

    Attributes:
        best, last: checkpoints (averaged weights) of the best validation and of the end.
        scores: of `last` on the validation scenes, computed in float32.
        best_miou: of `best`, as validated during training.
        seconds: time spent training, without drawing scenes.
        device: what it ran on, for people.
    """

    best: Path
    last: Path
    scores: Scores
    best_miou: float
    seconds: float
    device: str


def train(
    config: TrainConfig,
    out: Path,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    datasets: tuple[Dataset, Dataset] | None = None,
) -> TrainResult:
    """Run a training to its end.

    Args:
        config: everything that decides the weights.
        out: folder for the results; made if missing.
        resume: go on where the folder's training stopped (or start, if it has not begun).
        observers: told how it goes, beside the folder's log.
        datasets: (train, validation) samples, square and of one size each; drawn faces when None.

    Raises:
        TrainingError: if the folder holds a training and `resume` is false, if it belongs to another config, if there
            is no GPU where one was asked for, or if the loss stops being finite.
    """
    if (out / STATE).exists() and not resume:
        raise TrainingError(f"{out} already holds a training; resume it or choose another output folder")
    if config.threads:
        torch.set_num_threads(config.threads)
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / CONFIG, json.dumps(config.to_dict(), indent=2).encode())
    told = [TrainingLog(out / LOG), *observers]
    pools, digest = _pools(config, datasets or synthetic_datasets(config), out, told)
    return _Trainer(config, out, told, pools, digest).run()


def synthetic_datasets(config: TrainConfig) -> tuple[Dataset, Dataset]:
    """The drawn faces that a config without other data trains and validates on."""
    from segdata.faces.synthetic import SyntheticFaces

    data, labels = config.data, config.label_set
    return (
        SyntheticFaces("train", labels, data.size, data.train_scenes, data.seed),
        SyntheticFaces("val", labels, data.size, data.validation_scenes, data.seed),
    )


def _pools(
    config: TrainConfig, datasets: tuple[Dataset, Dataset], out: Path, told: Sequence[Observer]
) -> tuple[tuple[Pool, Pool], str]:
    pools = []
    for dataset in datasets:
        if dataset.labels.names != config.label_set.names:
            raise TrainingError(
                f"dataset {dataset.name} has the classes of {dataset.labels.name} but the config trains "
                f"{config.labels}; set labels to match"
            )

        def tell(ready: int, wanted: int, split: str = dataset.split) -> None:
            for observer in told:
                observer.scenes(split, ready, wanted)

        pools.append(open_pool(dataset, out / f"pool-{dataset.split}", config.data.workers, tell))
    return (pools[0], pools[1]), datasets[0].digest()


def choose_device(config: TrainConfig) -> torch.device:
    """The device that the config asks for; raises TrainingError if there is no such device."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("the config asks for a GPU but torch sees none; set device to 'auto' or 'cpu'")
    wants_gpu = config.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wants_gpu else "cpu")


def choose_half(config: TrainConfig, device: torch.device) -> bool:
    """Whether to run under bfloat16 autocast: on CPUs it only pays where there are instructions for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def make_optimizer(network: FPLIIF, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (I. Loshchilov and F. Hutter, ICLR 2019) that decays kernels and matrices, not biases and norms."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.optimizer.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.optimizer.learning_rate, betas=(0.9, 0.99), fused=True)


def start_from(network: FPLIIF, checkpoint: str) -> int:
    """Give `network` the checkpoint's tensors of the same name and shape; the number of tensors it kept of its own.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        TrainingError: if nothing of it fits.
    """
    path = Path(checkpoint) if checkpoint.endswith(".safetensors") else shipped(checkpoint)
    tensors, _ = read_tensors(path)
    own = network.state_dict()
    fitting = {name: t.float() for name, t in tensors.items() if name in own and own[name].shape == t.shape}
    if not fitting:
        raise TrainingError(f"{path}: no tensor fits the network to train; choose a checkpoint of the same network")
    network.load_state_dict(own | fitting)
    return len(own) - len(fitting)


class _Trainer:
    def __init__(
        self, config: TrainConfig, out: Path, told: Sequence[Observer], pools: tuple[Pool, Pool], digest: str
    ) -> None:
        self.config, self.out, self.told, self.digest = config, out, told, digest
        self.device = choose_device(config)
        self.half = choose_half(config, self.device)
        self.train_pool, self.validation_pool = pools
        if self.device.type == "cuda":
            self.train_pool, self.validation_pool = (pool.on(self.device) for pool in pools)
        torch.manual_seed(config.seed)
        network = FPLIIF(config.network_config())
        if config.start and not (out / STATE).exists():
            start_from(network, config.start)
        # bfloat16 convolutions on CPUs are only quick in this layout, and GPUs prefer it too.
        self.network: FPLIIF = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.network, config.optimizer.ema_decay)
        self.optimizer = make_optimizer(self.network, config)
        self.at_points = torch.compile(self.network.at_points) if config.compile else self.network.at_points
        self.augmenter = Augmenter(config.augment, config.label_set)
        self.step, self.best, self.seconds = 0, 0.0, 0.0
        if (out / STATE).exists():
            standing = load_state(out / STATE, self.network, self.average, self.optimizer, config, digest)
            self.step, self.best, self.seconds = standing.step, standing.best_miou, standing.seconds

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
        images, masks = self.augmenter(*scenes, phase.size, phase.zoom, generator)
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
        scores = evaluate(self.average.network, self.validation_pool, self.config.label_set, half=self.half)
        better = scores.miou > self.best
        if better:
            self.best = scores.miou
            self._export(BEST)
        for observer in self.told:
            observer.validated(self.step, scores, better)

    def _save(self) -> None:
        config = self.config.to_dict()
        standing = Standing(self.step, self.average.updates, self.best, self.seconds, self.digest, config)
        save_state(self.out / STATE, self.network, self.average, self.optimizer, standing)

    def _export(self, name: str) -> None:
        about = {"training": self.config.name, "step": self.step, "seed": self.config.seed}
        save_checkpoint(self.average.network, self.config.label_set, self.out / name, about=about)

    def _finish(self) -> TrainResult:
        self._export(LAST)
        scores = evaluate(self.average.network, self.validation_pool, self.config.label_set)
        device = (
            torch.cuda.get_device_name() if self.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        )
        return TrainResult(self.out / BEST, self.out / LAST, scores, self.best, self.seconds, device)


def main() -> None:
    """Train from the command line; errors are one sentence and exit status 2."""
    import argparse
    import sys

    from fpliif.errors import FPLIIFError
    from fpliif.progress import TerminalProgress
    from segdata.errors import DataError

    parser = argparse.ArgumentParser(description="Train FP-LIIF.")
    parser.add_argument("--config", type=Path, required=True, help="a training config in TOML")
    parser.add_argument("--out", type=Path, required=True, help="folder for pools, states and checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on where the folder's training stopped")
    options = parser.parse_args()
    try:
        with TerminalProgress() as progress:
            train(TrainConfig.from_toml(options.config), options.out, options.resume, [progress])
    except (FPLIIFError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from the last state in {options.out}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
