"""Every option of a run, with its default, in one checked and frozen value.

The command line, a TOML file and Python all end up here. Unknown keys are errors: a mistyped limit that is silently
ignored would let a bad artifact pass.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from toolkit.errors import UsageError


def _size(value: object) -> object:
    """Accept 256, "256" and "256x320" (height x width) as well as a pair."""
    if isinstance(value, int):
        return (value, value)
    if isinstance(value, str):
        parts = value.lower().split("x")
        if len(parts) <= 2 and all(part.isdigit() for part in parts):
            return (int(parts[0]), int(parts[-1]))
        raise ValueError("give a size like 256 or 256x320 (height x width)")
    return value


def _sizes(value: object) -> object:
    """Accept "64,128,256" and 256 as well as a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int) else value


def _different_counts(counts: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(counts)) != len(counts):
        raise ValueError("a number of threads is named twice; name each once")
    return tuple(sorted(counts))


def _different(sizes: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    if len(set(sizes)) != len(sizes):
        raise ValueError("a size is named twice; name each once")
    return sizes


def _names(value: object) -> object:
    """Accept "a,b" as well as a list."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _folder(value: object) -> object:
    """Refuse an empty name, which would mean the current folder."""
    if value == "":
        raise ValueError("give a folder; . is the current one")
    return value


Pixels = Annotated[int, Field(ge=8, le=4096)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(_size)]
Sizes = Annotated[tuple[Size, ...], BeforeValidator(_sizes), AfterValidator(_different)]
Threads = Annotated[
    tuple[Annotated[int, Field(ge=1, le=256)], ...], BeforeValidator(_names), AfterValidator(_different_counts)
]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


def _numbers(value: object) -> object:
    """Accept "0.485,0.456,0.406" and 0.5 as well as a list."""
    if isinstance(value, int | float):
        return (value,)
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Channels = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    BeforeValidator(_numbers),
    Field(min_length=1, max_length=256),
]


def default_threads() -> int:
    """Threads a phone would give a network: all cores here, at most four."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class RunOptions(BaseModel):
    """Options of `segport run` and of its parts.

    Attributes:
        model: shipped checkpoint name, a .safetensors from `segport train`, an .onnx file, a torch.export .pt2, a TorchScript
            file, or `package.module:factory` (a factory is the user's own Python code and is executed; nothing else is).
        weights: state dict (.safetensors, or .pt read with weights_only) for a factory.
        classes: text file with one class name a line, for models that do not carry their class names.
        input_size, output_size: (height, width); the output defaults to the input.
        input_shapes: picture sizes that one Core ML artifact takes, `input_size` among them; for networks of your own whose graph
            allows it. Empty for `input_size` alone.
        output_sizes: sizes that one artifact answers at, from the same weights and the same picture (FP-LIIF only); empty
            for `output_size` alone. `output_size` is then the one that runs where none is chosen.
        pixel_range: `unit` (0..1) or `byte` (0..255) pixels at the model's input.
        mean, std: what a network of your own was trained to have subtracted and divided, per channel in its own order and in
            units of `pixel_range`; put inside the artifact. None for neither.
        channel_order: `rgb`, `bgr`, `grey` (one channel), `rgba` or `bgra` (opaque), of the network; the artifact always takes RGB.
        channels: of the pictures, for networks of your own that take others than RGB; the artifact takes them as the dataset stores
            them (.npy files).
        model_layout: `nchw` or `nhwc`, of the network's picture and answer.
        answer: which of several answers holds the logits: a key, an attribute, or a position.
        upsample: how logits are resized to `output_size` (default: the input size) inside the artifact: `bilinear`,
            `bilinear-corners` (align_corners) or `nearest`; None leaves them unless `output_size` asks.
        dataset: `synthetic-faces`, `folder:PATH`, `lapa:PATH`, ...
        split: the split that judges. Calibration always uses `train`.
        images: how many pictures judge.
        judge_at: `network` counts the pixels of the answer (masks are resized), `original` those of each picture's own mask
            (answers are resized); for drawn faces both are the same unless the answer has another size than the picture.
        calibration_images: how many training pictures fix integer ranges.
        calibration_method: how a tensor's range follows from its values (`quantization.calibration.methods`);
            None leaves it to the format.
        calibration_choice: which training pictures: drawn by lot (seeded), or `balanced` so that every class is seen.
        calibration_plot: draw each tensor's histogram and its range by every method into the run folder.
        formats: target formats.
        recipes: recipe names; empty means every one that is not on request only.
        output: `logits`, or `labels` for the argmax inside the graph.
        tflite_route: `litert-torch` or `onnx2tf`; None lets segport choose.
        quantizer: who makes calibrated 8-bit TFLite: `ai-edge` or `tensorflow`.
        repair: what TFLite's integer recipes do about rounding, `equalize`, `gptq` and `bias`, or `none`; empty keeps each recipe's own.
        weight_range: up to where TFLite's integer weights reach, `minmax` or `octav`; None keeps each recipe's own.
        logits_range: whether TFLite's calibrated integer logits cover all values (`full`) or those among which classes are
            decided; None keeps each recipe's own.
        io_dtype: type of the picture and of the logits of calibrated 8-bit TFLite.
        keep: operations of Core ML and TFLite artifacts with a number type of their own, `float32:PATTERN` or `float16:PATTERN`.
        policy: file of `segport search`: its recipe is the only quantized one, and its layers stay floats.
        runners: `name` or `name:backend`; empty means every default one.
        threads: threads each runtime may use.
        workers: processes that judge pictures at the same time, each with `threads` threads; results do not depend on it, and
            latency is measured in one.
        thread_sweep: thread counts to time every run with, besides `threads`; empty for none.
        per_op: whether to ask runtimes for the times of single operations.
        latency_samples: timed inferences per artifact and runner; 0 measures no latency.
        max_miou_drop, max_class_drop: gates for all recipes, as fractions of IoU; None keeps each recipe's own.
        gate_on: `estimate` holds the measured changes against the gates, `bound` the worse bound of their 95 % intervals.
        examples: pictures shown in the report.
        checks: look for mistakes of preprocessing, layout, overlap and the like on a few pictures.
        photos: a folder of photographs without labels that judges in the place of `dataset`, by agreement with the float
            network; all of them are used. Calibration still takes `dataset`.
        min_agreement: gate without labels: share of pixels that must get the float network's class.
        isolate: whether converters and runtimes work in processes of their own, so that one that crashes or hangs costs no more
            than its artifact.
        time_limit: seconds that one conversion, or one picture in a runtime, may take there.
        memory_limit: gigabytes (10^9 bytes) that such a process may hold; None for nine tenths of the machine's memory.
        out: output folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "fp-liif-face11"
    weights: Path | None = None
    classes: Path | None = None
    input_size: Size = (256, 256)
    output_size: Size | None = None
    input_shapes: Sizes = ()
    output_sizes: Sizes = ()
    pixel_range: Literal["unit", "byte"] = "unit"
    mean: Channels | None = None
    std: Channels | None = None
    channel_order: Literal["rgb", "bgr", "grey", "rgba", "bgra"] = "rgb"
    channels: Annotated[int, Field(ge=1, le=256)] = 3
    model_layout: Literal["nchw", "nhwc"] = "nchw"
    answer: str | None = None
    upsample: Literal["bilinear", "bilinear-corners", "nearest"] | None = None
    dataset: str = "synthetic-faces"
    split: Literal["train", "val", "test"] = "test"
    images: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    judge_at: Literal["network", "original"] = "network"
    calibration_images: Annotated[int, Field(ge=1, le=10_000)] = 32
    calibration_method: Literal["mean", "minmax", "percentile", "mse", "kl", "octav"] | None = None
    calibration_choice: Literal["random", "balanced"] = "random"
    calibration_plot: bool = False
    formats: Names = ("tflite", "coreml", "onnx")
    recipes: Names = ()
    output: Literal["logits", "labels"] = "logits"
    tflite_route: str | None = None
    quantizer: Literal["ai-edge", "tensorflow"] = "ai-edge"
    repair: Annotated[tuple[Literal["equalize", "gptq", "bias", "none"], ...], BeforeValidator(_names)] = ()
    weight_range: Literal["minmax", "octav"] | None = None
    logits_range: Literal["decisive", "full"] | None = None
    io_dtype: Literal["float32", "int8", "uint8"] = "float32"
    keep: Names = ()
    policy: Path | None = None
    runners: Names = ()
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=default_threads)
    workers: Annotated[int, Field(ge=1, le=4096)] = 1
    thread_sweep: Threads = ()
    per_op: bool = False
    latency_samples: Annotated[int, Field(ge=0, le=100_000)] = 40
    max_miou_drop: Fraction | None = None
    max_class_drop: Fraction | None = None
    gate_on: Literal["estimate", "bound"] = "estimate"
    examples: Annotated[int, Field(ge=0, le=64)] = 4
    checks: bool = True
    photos: Path | None = None
    min_agreement: Fraction = 0.95
    isolate: bool = True
    time_limit: Annotated[float, Field(gt=0.0, le=1_000_000.0)] = 1800.0
    memory_limit: Annotated[float, Field(gt=0.0, le=1_000_000.0)] | None = None
    out: Annotated[Path, BeforeValidator(_folder)] = Path("runs/latest")

    if not TYPE_CHECKING:  # the fields' own types are better for checkers

        def __init__(self, **values: Any) -> None:
            """As the command line does it; raises UsageError with one sentence naming the first thing that is wrong."""
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise UsageError(_sentence(error)) from error

    def given(self, *names: str) -> list[str]:
        """Those of `names` that differ from their default."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].get_default()]


def make_options(given: Mapping[str, Any], config: Path | None = None) -> RunOptions:
    """Options from a TOML file overridden by what was given by hand (None means: not given).

    Raises:
        UsageError: unreadable file, unknown key, or a value that does not fit; one sentence.
    """
    origin = f"{config}: " if config else ""
    values = _underscored(read_toml(config), origin) if config else {}
    values.update({key: value for key, value in given.items() if value is not None})
    return checked_options(values, origin)


def checked_options(values: Mapping[str, Any], origin: str = "") -> RunOptions:
    """RunOptions from plain values; raises UsageError with one sentence naming the first thing that is wrong."""
    try:
        return RunOptions(**_underscored(values))
    except UsageError as error:
        raise UsageError(f"{origin}{error}") from error


def _underscored(values: Mapping[str, Any], origin: str = "") -> dict[str, Any]:
    """Keys as Python writes them; raises UsageError for one that stands there in both spellings."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name in found:
            raise UsageError(f"{origin}{name.replace('_', '-')} and {name} are the same option; keep one of them")
        found[name] = value
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict; raises UsageError if it cannot be read."""
    try:
        if not path.is_file():
            raise UsageError(f"there is no configuration file {path}; check the path")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not a readable TOML file ({error}); mend that line") from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:1]).replace("_", "-")
    if first["type"] == "extra_forbidden":
        known = [name.replace("_", "-") for name in RunOptions.model_fields]
        close = difflib.get_close_matches(key, known, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"known keys are: {', '.join(known)}"
        return f"unknown option {key!r}; {advice}"
    return f"option {key!r} is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}"


def swept(options: RunOptions, threads: str | None) -> RunOptions:
    """Options for `--threads 2` or `--threads 1,2,4`; of several, the recorded count (else the first) stays the run's own.

    Raises:
        UsageError: not whole numbers of 1 or more, or one twice.
    """
    if threads is None:
        return options
    values = options.model_dump()
    if "," not in threads:
        return checked_options({**values, "threads": threads, "thread_sweep": ()})
    named = checked_options({**values, "thread_sweep": threads})
    first = int(threads.split(",")[0])
    return named if named.threads in named.thread_sweep else named.model_copy(update={"threads": first})
