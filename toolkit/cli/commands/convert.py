"""`segport convert`: quantize and convert only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport convert -o runs/phone -f tflite -r int8_static[/]  |  "
    "[bold]segport convert -f coreml -r float16 --output labels --output-size 512[/]  |  "
    "[bold]segport convert --again runs/phone[/]"
)


def convert(
    config: o.Config = None,
    again: Annotated[
        Path | None,
        typer.Option(
            "--again", help="Make the artifacts of this run folder again, with its recorded options and any given here."
        ),
    ] = None,
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
    isolate: o.Isolate = None,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> int:
    """Write artifacts and their manifest; what is already there and unchanged is reused."""
    given = {key: value for key, value in locals().items() if key not in ("config", "again", "quiet")}
    from toolkit.errors import UsageError
    from toolkit.options import make_options
    from toolkit.pipeline import convert as convert_pipeline
    from toolkit.run_folder.folder import recorded_options

    if again is not None and not (config is None and model is None and out is None):
        raise UsageError("--again takes model, folder and options from a run; leave out --model, --config and --out")
    options = make_options(given, config) if again is None else recorded_options(again, given)
    screen = Screen(quiet)
    conversion = convert_pipeline(options, screen.progress)
    screen.show_artifacts(conversion)
    return conversion.status


COMMAND = convert
