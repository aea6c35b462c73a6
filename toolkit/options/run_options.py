"""Hold every option of a run, each written once: type, flag, default, and below it the explanation.

The command line, a TOML file and Python all end up here. Unknown keys are errors: a mistyped limit that is silently
ignored would let a bad artifact pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from toolkit.options.base import Options
from toolkit.options.flag import Flag, Panel
from toolkit.options.values import (
    Channels,
    Folder,
    Fraction,
    Names,
    Size,
    Sizes,
    ThreadCount,
    ThreadCounts,
    default_threads,
    split_names,
)


class RunOptions(Options):
    """Hold the options of `segport run` and of its parts."""

    model: Annotated[str, Flag(Panel.NETWORK, "-m")] = "fp-liif-face11"
    """Shipped name, .safetensors, .onnx, .pt2, TorchScript or package.module:factory.

    A .safetensors comes from `segport train`, a .pt2 from torch.export. A factory is the user's own Python code and is
    executed; nothing else is.
    """
    weights: Annotated[Path | None, Flag(Panel.NETWORK)] = None
    """State dict for a factory (.safetensors, or .pt without code)."""
    classes: Annotated[Path | None, Flag(Panel.NETWORK)] = None
    """Text file, one class name a line.

    For networks that do not carry their class names.
    """
    input_size: Annotated[Size, Flag(Panel.NETWORK)] = (256, 256)
    """Picture size, 256 or 256x320 (height x width)."""
    output_size: Annotated[Size | None, Flag(Panel.NETWORK)] = None
    """Answer size; default: the input size."""
    input_shapes: Annotated[Sizes, Flag(Panel.NETWORK)] = ()
    """Several picture sizes in one Core ML artifact, e.g. 256x256,512x512.

    `input_size` must be among them. For networks of your own whose graph allows it; empty for `input_size` alone.
    """
    output_sizes: Annotated[Sizes, Flag(Panel.NETWORK)] = ()
    """Several answer sizes in one artifact (FP-LIIF), e.g. 64,128,256,512.

    All from the same weights and the same picture; `output_size` is the one that runs where none is chosen. Empty for
    `output_size` alone.
    """
    pixel_range: Annotated[Literal["unit", "byte"], Flag(Panel.NETWORK)] = "unit"
    """unit (0..1) or byte (0..255) pixels at the input."""
    mean: Annotated[Channels | None, Flag(Panel.NETWORK)] = None
    """Subtracted per channel, in pixel range, e.g. 0.485,0.456,0.406.

    For networks of your own, in their own order of channels; put inside the artifact.
    """
    std: Annotated[Channels | None, Flag(Panel.NETWORK)] = None
    """Divided by per channel, in pixel range, e.g. 0.229,0.224,0.225.

    For networks of your own, in their own order of channels; put inside the artifact.
    """
    channel_order: Annotated[Literal["rgb", "bgr", "grey", "rgba", "bgra"], Flag(Panel.NETWORK)] = "rgb"
    """rgb, bgr, grey, rgba or bgra: what the network takes; artifacts take RGB.

    grey is one channel; the fourth channel of rgba and bgra is opaque.
    """
    channels: Annotated[int, Field(ge=1, le=256), Flag(Panel.NETWORK)] = 3
    """Of the pictures, where the network takes others than RGB (.npy files).

    For networks of your own. The artifact takes pictures as the dataset stores them.
    """
    model_layout: Annotated[Literal["nchw", "nhwc"], Flag(Panel.NETWORK)] = "nchw"
    """nchw or nhwc: the network's own layout.

    Of its picture and of its answer.
    """
    answer: Annotated[str | None, Flag(Panel.NETWORK)] = None
    """Key, attribute or position of the logits among several answers."""
    answer_kind: Annotated[Literal["auto", "logits", "probabilities"], Flag(Panel.NETWORK)] = "auto"
    """What the answers are: logits, probabilities, or auto.

    `auto` looks at the end of the network's graph, and at values where that says nothing.
    """
    upsample: Annotated[Literal["bilinear", "bilinear-corners", "nearest"] | None, Flag(Panel.NETWORK)] = None
    """Resize logits in the graph: bilinear, bilinear-corners or nearest.

    They are resized to `output_size`. bilinear-corners is what torch calls align_corners. Without this option, logits
    are resized only where `output_size` asks for it.
    """

    dataset: Annotated[str, Flag(Panel.PICTURES, "-d")] = "synthetic-faces"
    """synthetic-faces, folder:PATH, lapa:PATH, ..."""
    split: Annotated[Literal["train", "val", "test"], Flag(Panel.PICTURES)] = "test"
    """Split that judges: train, val or test.

    Calibration always uses `train`.
    """
    images: Annotated[int, Field(ge=1, le=1_000_000), Flag(Panel.PICTURES, "-n")] = 32
    """How many pictures judge."""
    judge_at: Annotated[Literal["network", "original"], Flag(Panel.PICTURES)] = "network"
    """Pixels that count: network (the answer's) or original (each picture's own mask).

    With `network`, masks are resized to the answer; with `original`, answers are resized to the mask. For drawn faces
    both are the same unless the answer has another size than the picture.
    """
    photos: Annotated[Path | None, Flag(Panel.PICTURES)] = None
    """Folder of photographs without labels: judge by agreement with the float network.

    They judge in the place of `dataset`, all of them. Calibration still takes `dataset`.
    """

    calibration_images: Annotated[
        int, Field(ge=1, le=10_000), Flag(Panel.CALIBRATION, alias="--calibration-samples")
    ] = 32
    """How many training pictures fix integer ranges."""
    calibration_method: Annotated[
        Literal["mean", "minmax", "percentile", "mse", "kl", "octav"] | None, Flag(Panel.CALIBRATION)
    ] = None
    """How ranges are chosen: mean, minmax, percentile, mse, kl or octav.

    See `quantization.calibration.methods`. Without this option, each format does what is usual for it.
    """
    calibration_choice: Annotated[Literal["random", "balanced"], Flag(Panel.CALIBRATION)] = "random"
    """Which training pictures: random, or balanced so that rare classes are seen.

    `random` draws by lot, from a fixed seed.
    """
    calibration_plot: Annotated[bool, Flag(Panel.CALIBRATION, switch=True)] = False
    """Draw every tensor's histogram with its ranges.

    By every method, into the run folder.
    """

    formats: Annotated[Names, Flag(Panel.CONVERSION, "-f")] = ("tflite", "coreml", "onnx")
    """Comma-separated target formats."""
    recipes: Annotated[Names, Flag(Panel.CONVERSION, "-r")] = ()
    """Comma-separated recipes, e.g. float16,int8_static.

    Empty means every one that is not on request only.
    """
    output: Annotated[Literal["logits", "labels"], Flag(Panel.CONVERSION)] = "logits"
    """logits, or labels for the argmax inside the graph."""
    tflite_route: Annotated[str | None, Flag(Panel.CONVERSION)] = None
    """litert-torch or onnx2tf.

    Without this option, segport chooses.
    """
    quantizer: Annotated[Literal["ai-edge", "tensorflow"], Flag(Panel.CONVERSION)] = "ai-edge"
    """Who makes TFLite int8_static: ai-edge or tensorflow."""
    repair: Annotated[
        tuple[Literal["equalize", "gptq", "bias", "none"], ...],
        BeforeValidator(split_names),
        Flag(Panel.CONVERSION),
    ] = ()
    """TFLite integers: equalize,gptq,bias or none.

    What is done about rounding. Empty keeps each recipe's own.
    """
    weight_range: Annotated[Literal["minmax", "octav"] | None, Flag(Panel.CONVERSION)] = None
    """Reach of TFLite's integer weights: minmax or octav.

    Without this option, each recipe keeps its own.
    """
    logits_range: Annotated[Literal["decisive", "full"] | None, Flag(Panel.CONVERSION)] = None
    """Calibrated TFLite logits: decisive (fine where classes are decided) or full.

    Without this option, each recipe keeps its own.
    """
    io_dtype: Annotated[Literal["float32", "int8", "uint8"], Flag(Panel.CONVERSION)] = "float32"
    """Picture and logits of TFLite int8_static: float32, int8 or uint8."""
    keep: Annotated[Names, Flag(Panel.CONVERSION)] = ()
    """Core ML and TFLite operations that keep a type, float32:PATTERN, comma-separated.

    The type is float32 or float16.
    """
    policy: Annotated[Path | None, Flag(Panel.CONVERSION)] = None
    """Layers to keep in floats, a policy.toml of segport search.

    Its recipe is then the only quantized one.
    """

    runners: Annotated[Names, Flag(Panel.RUNTIMES)] = ()
    """Comma-separated name or name:backend, e.g. litert,milrun.

    Empty means every default one.
    """
    threads: Annotated[ThreadCount, Flag(Panel.RUNTIMES, "-t")] = Field(default_factory=default_threads)
    """Threads each runtime may use; default: all cores, at most four."""
    workers: Annotated[int, Field(ge=1, le=4096), Flag(Panel.RUNTIMES, "-w")] = 1
    """Processes that judge pictures at the same time; same results.

    Each has `threads` threads. Latency is measured in one process.
    """
    thread_sweep: ThreadCounts = ()
    """Thread counts to time every run with, besides `threads`; empty for none."""
    per_op: Annotated[bool, Flag(Panel.RUNTIMES, switch=True)] = False
    """Also the times of single operations, where the runtime tells them."""
    latency_samples: Annotated[int, Field(ge=0, le=100_000), Flag(Panel.RUNTIMES)] = 40
    """Timed inferences each; 0 for none.

    Of every artifact in every runtime.
    """

    max_miou_drop: Annotated[Fraction | None, Flag(Panel.GATES)] = None
    """Gate: fraction of mIoU an artifact may lose.

    For all recipes. Without this option, each recipe keeps its own.
    """
    max_class_drop: Annotated[Fraction | None, Flag(Panel.GATES)] = None
    """Gate: fraction of IoU one class may lose.

    For all recipes. Without this option, each recipe keeps its own.
    """
    gate_on: Annotated[Literal["estimate", "bound"], Flag(Panel.GATES)] = "estimate"
    """Gates hold the measured change (estimate) or its interval's worse bound (bound).

    The interval is the change's 95 % interval.
    """
    min_agreement: Annotated[Fraction, Flag(Panel.GATES)] = 0.95
    """Gate of --photos: fraction of pixels with the float network's class."""
    checks: Annotated[bool, Flag(Panel.GATES)] = True
    """Look for mistakes that scores hide (on a few pictures).

    Those of preprocessing, layout, overlap of training and judging pictures, and the like.
    """

    isolate: Annotated[bool, Flag(Panel.PROCESSES)] = True
    """Converters and runtimes in processes of their own, which may crash.

    One that crashes or hangs then costs no more than its artifact.
    """
    time_limit: Annotated[float, Field(gt=0.0, le=1_000_000.0), Flag(Panel.PROCESSES)] = 1800.0
    """Seconds a conversion, or a runtime's picture, may take there."""
    memory_limit: Annotated[Annotated[float, Field(gt=0.0, le=1_000_000.0)] | None, Flag(Panel.PROCESSES)] = None
    """Gigabytes such a process may hold; default: nine tenths of the machine's.

    A gigabyte is 10^9 bytes.
    """

    examples: Annotated[int, Field(ge=0, le=64), Flag(Panel.FILES)] = 4
    """Pictures shown in the report."""
    out: Annotated[Folder, Flag(Panel.FILES, "-o", metavar="DIRECTORY")] = Path("runs/latest")
    """Output folder."""
