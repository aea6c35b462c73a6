"""`segport run`: quantize, convert, validate and report."""

from __future__ import annotations

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport run[/]  |  [bold]segport run --dataset lapa:/data/LaPa --images 500[/]  |  "
    "[bold]segport run -m my_package.nets:build --weights net.safetensors --classes names.txt "
    "--dataset folder:/data/streets --input-size 512 --recipes float16,int8_static[/]"
)


def run(
    config: o.Config = None,
    model: o.Model = None,
    weights: o.Weights = None,
    classes: o.Classes = None,
    input_size: o.InputSize = None,
    output_size: o.OutputSize = None,
    input_shapes: o.InputShapes = None,
    output_sizes: o.OutputSizes = None,
    pixel_range: o.PixelRange = None,
    mean: o.Mean = None,
    std: o.Std = None,
    channel_order: o.ChannelOrder = None,
    channels: o.Channels = None,
    model_layout: o.ModelLayout = None,
    answer: o.Answer = None,
    upsample: o.Upsample = None,
    dataset: o.Dataset = None,
    split: o.Split = None,
    images: o.Images = None,
    judge_at: o.JudgeAt = None,
    calibration_images: o.CalibrationImages = None,
    calibration_method: o.CalibrationMethod = None,
    calibration_choice: o.CalibrationChoice = None,
    calibration_plot: o.CalibrationPlot = None,
    formats: o.Formats = None,
    recipes: o.Recipes = None,
    output: o.Output = None,
    tflite_route: o.TfliteRoute = None,
    quantizer: o.Quantizer = None,
    repair: o.RepairBefore = None,
    weight_range: o.WeightRange = None,
    logits_range: o.LogitsRange = None,
    io_dtype: o.IoDtype = None,
    keep: o.Keep = None,
    policy: o.Policy = None,
    runners: o.Runners = None,
    threads: o.Threads = None,
    workers: o.Workers = None,
    latency_samples: o.LatencySamples = None,
    max_miou_drop: o.MaxMiouDrop = None,
    max_class_drop: o.MaxClassDrop = None,
    gate_on: o.GateOn = None,
    examples: o.Examples = None,
    checks: o.Checks = None,
    photos: o.Photos = None,
    min_agreement: o.MinAgreement = None,
    isolate: o.Isolate = None,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> int:
    """Quantize, convert, run every artifact, and report per-class IoU and latency against the float reference."""
    given = {key: value for key, value in locals().items() if key not in ("config", "quiet")}
    from toolkit.options import make_options
    from toolkit.pipeline import run as run_pipeline

    screen = Screen(quiet)
    outcome = run_pipeline(make_options(given, config), screen.progress)
    screen.show_report(outcome)
    return outcome.status


COMMAND = run
