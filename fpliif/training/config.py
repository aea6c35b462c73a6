"""Fix everything that a training depends on in one value, read strictly from TOML."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from fpliif.config import PRESETS, FPLIIFConfig, preset
from fpliif.errors import ConfigError
from fpliif.strict import build
from fpliif.training.augment import AugmentConfig
from fpliif.training.losses import LossConfig
from fpliif.training.schedule import learning_rate
from segdata.labels import FACE11, FACE19, LabelSet

LABEL_SETS = {labels.name: labels for labels in (FACE11, FACE19)}
CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class DataConfig:
    """Choose the pictures that are trained on.

    Attributes:
        dataset: as `segdata.open_dataset` names it, e.g. ``"lapa:PATH"``; empty for drawn faces.
        limit: at most so many pictures of each split of `dataset`, to try things out; None for all.
        train_scenes, validation_scenes, test_scenes: how many faces are drawn for each split; validation chooses the
            best checkpoint, test goes into the model card. Not for a dataset, which has its own splits.
        size: side of the pictures in pixels, drawn or resized to; training phases rescale them.
        seed: of the generator of drawn faces.
        workers: processes that draw or read.
    """

    dataset: str = ""
    limit: int | None = None
    train_scenes: int = 3000
    validation_scenes: int = 128
    test_scenes: int = 400
    size: int = 256
    seed: int = 0
    workers: int = 1


@dataclass(frozen=True)
class OptimizerConfig:
    """Set up AdamW with warm-up, cosine and an average of the weights.

    Attributes:
        learning_rate: at the top of the schedule.
        weight_decay: on weight matrices and kernels; never on biases and norms.
        warmup_steps: linear warm-up.
        decay_steps: length of the cosine that ends the training; None lets it begin right after the warm-up.
        gradient_clip: largest norm of the whole gradient.
        ema_decay: of the exponential moving average that is validated and exported.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup_steps: int = 200
    decay_steps: int | None = None
    gradient_clip: float = 5.0
    ema_decay: float = 0.998


@dataclass(frozen=True)
class Phase:
    """Describe some steps at one picture size.

    Attributes:
        size: side of the training pictures in pixels.
        steps: optimizer steps.
        batch: pictures a step.
        points: places a picture where the pixel MLP and the loss are evaluated.
        zoom: largest random magnification. Convolutions learn features of a size in pixels, so a phase at half the
            final picture size with a zoom of 2 already meets faces as large as the last phase will show them.
        output_sizes: sides of the pixel grids whose centres are the places asked for; each step draws one of them, and
            labels are read from the scene's own label map on that grid. Empty asks at the pictures' own size.
    """

    size: int
    steps: int
    batch: int
    points: int = 4096
    zoom: float = 1.0
    output_sizes: tuple[int, ...] = ()

    def grid_at(self, seed: int, step: int) -> int:
        """Return the side of the grid of places of 0-based `step`; it depends on (seed, step) alone."""
        if not self.output_sizes:
            return self.size
        # The third number keeps this apart from the order of scenes, which is drawn from (seed, pass).
        return self.output_sizes[int(np.random.default_rng((seed, step, 1)).integers(len(self.output_sizes)))]


@dataclass(frozen=True)
class TrainConfig:
    """Describe a whole training.

    Attributes:
        name: of the checkpoint to come.
        labels: ``"face11"`` or ``"face19"``.
        network: a preset's name, see `fpliif.config.PRESETS`.
        norm: of the network.
        start: a shipped checkpoint's name or a checkpoint's path whose weights the training starts from, where their
            shapes fit (another label set has another head); empty starts from random weights.
        phases: in order; the cosine runs over all of them together.
        seed: of the initial weights, the order of scenes, augmentation and sampled points.
        threads: CPU threads; 0 leaves torch's own choice.
        device: ``"auto"`` takes a GPU when there is one.
        qat: name of the quantization recipe whose rounding the training feels (quantization-aware fine-tuning); empty
            for none.
        qat_pictures: training pictures that fix the ranges of its activations, measured on the starting weights.
        precision: ``"auto"`` is bfloat16 autocast on GPUs and on CPUs with bfloat16 instructions.
        compile: run the network through torch.compile.
        validate_every, save_every, log_every: in steps.

    Raises:
        ConfigError: for numbers out of range or unknown names.
    """

    name: str
    phases: tuple[Phase, ...]
    labels: str = "face11"
    network: str = "fp-liif"
    norm: Literal["batch", "instance"] = "batch"
    start: str = ""
    qat: str = ""
    qat_pictures: int = 32
    seed: int = 0
    threads: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    compile: bool = False
    validate_every: int = 500
    save_every: int = 250
    log_every: int = 20
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.labels not in LABEL_SETS:
            raise ConfigError(f"labels is {self.labels!r}; choose one of: {', '.join(LABEL_SETS)}")
        if self.network not in PRESETS:
            raise ConfigError(f"network is {self.network!r}; choose one of: {', '.join(PRESETS)}")
        if not self.phases:
            raise ConfigError("there are no phases; give at least one [[phases]] table")
        self._check_phases()
        self._check_qat()
        if self.loss.focal_gamma < 0:
            raise ConfigError(f"loss.focal_gamma is {self.loss.focal_gamma}; give 0 (none) or more")
        if self.data.size < 1 or (self.data.limit is not None and self.data.limit < 1):
            raise ConfigError("data.size and data.limit must be at least 1")
        if min(self.validate_every, self.save_every, self.log_every) < 1:
            raise ConfigError("validate_every, save_every and log_every must be at least 1")
        warmup, decay = self.optimizer.warmup_steps, self.optimizer.decay_steps
        if warmup < 0 or (decay is not None and decay < 1) or warmup + (decay or 1) > self.steps:
            raise ConfigError(f"optimizer: warm-up and decay must fit into the {self.steps} steps of the training")

    def _check_phases(self) -> None:
        for number, phase in enumerate(self.phases):
            if phase.size < 16 or phase.steps < 1 or phase.batch < 1:
                raise ConfigError(f"phases[{number}] needs a size of 16 or more and at least one step and picture")
            if phase.zoom < 1.0:
                raise ConfigError(f"phases[{number}].zoom is {phase.zoom}; give 1 (none) or more")
            most = min(phase.output_sizes or (phase.size,)) ** 2
            if phase.points % 2 or not 2 <= phase.points <= most:
                raise ConfigError(f"phases[{number}].points must be even and between 2 and {most}")

    def _check_qat(self) -> None:
        if self.qat and (not self.start or self.norm != "batch"):
            raise ConfigError(
                "quantization-aware fine-tuning goes on from a trained network with batch norms; "
                "name its checkpoint as start and leave norm at 'batch'"
            )
        if self.qat_pictures < 1:
            raise ConfigError("qat_pictures must be at least 1")

    @property
    def steps(self) -> int:
        """Count the steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    @property
    def label_set(self) -> LabelSet:
        """Return the label set that `labels` names."""
        return LABEL_SETS[self.labels]

    def network_config(self) -> FPLIIFConfig:
        """Return the shape of the network to train."""
        return dataclasses.replace(preset(self.network, len(self.label_set)), norm=self.norm)

    def lasting(self, steps: int) -> Self:
        """Make the same training in another number of steps, at least 2; warm-up and cosine shrink with it.

        Raises:
            ConfigError: if it has several phases: which of them to change is not for a number to say.
        """
        if len(self.phases) != 1:
            raise ConfigError(f"{self.name} has {len(self.phases)} phases; change their steps in a config of your own")
        warmup = min(self.optimizer.warmup_steps, steps // 10)
        return dataclasses.replace(
            self,
            phases=(dataclasses.replace(self.phases[0], steps=steps),),
            optimizer=dataclasses.replace(self.optimizer, warmup_steps=warmup, decay_steps=steps - warmup),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read strictly: raises ConfigError on unknown keys and wrong types."""
        return build(cls, values)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a file; raises ConfigError naming it."""
        try:
            text = path.read_text() if path.is_file() else None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not a readable TOML file: {error}") from None
        if text is None:
            raise ConfigError(f"{path} does not exist; give a training config in TOML")
        try:
            return cls.from_dict(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"{path} is not a readable TOML file: {error}") from None
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the 0-based `step`."""
        settings = self.optimizer
        decay = settings.decay_steps or self.steps - settings.warmup_steps
        return learning_rate(step, self.steps, settings.warmup_steps, decay, settings.learning_rate)

    def at(self, step: int) -> tuple[Phase, int]:
        """Return the phase of the 0-based `step`, and how many scenes the training has seen before that step."""
        seen, before = 0, 0
        for phase in self.phases:
            if step < before + phase.steps:
                return phase, seen + (step - before) * phase.batch
            seen, before = seen + phase.steps * phase.batch, before + phase.steps
        raise IndexError(f"step {step} of {self.steps}")

    def shares_past(self, other: TrainConfig, steps: int) -> bool:
        """Tell whether the first `steps` steps come out the same under both configs.

        Options that cannot change the weights (threads, workers, intervals, the name) may differ, and so may the
        lengths of phases, as long as every step so far had the same phase and the same learning rate.
        """
        if self._decisive() != other._decisive() or steps > min(self.steps, other.steps):
            return False
        return all(self._step(step) == other._step(step) for step in range(steps))

    def _decisive(self) -> dict[str, Any]:
        values = self.to_dict()
        for name in ("name", "phases", "threads", "device", "compile", "validate_every", "save_every", "log_every"):
            del values[name]
        del values["data"]["workers"], values["data"]["validation_scenes"], values["data"]["test_scenes"]
        for name in ("learning_rate", "warmup_steps", "decay_steps"):
            del values["optimizer"][name]
        return values

    def _step(self, step: int) -> tuple[Phase, int, float]:
        phase, seen = self.at(step)
        return dataclasses.replace(phase, steps=1), seen, self.learning_rate(step)


def shipped_config(name: str) -> Path:
    """Find a training config that comes with the package; raises ConfigError listing the names."""
    path = CONFIGS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.toml")))
        raise ConfigError(f"there is no shipped training config {name!r}; choose one of: {known}")
    return path
