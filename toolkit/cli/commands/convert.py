"""`segport convert`: quantize and convert only."""

from __future__ import annotations

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport convert -o runs/phone -f tflite -r int8_static[/]  |  "
    "[bold]segport convert -f coreml -r float16 --output labels --output-size 512[/]"
)


def convert(
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
    given = {key: value for key, value in locals().items() if key not in ("config", "quiet")}
    from toolkit.config import make_options
    from toolkit.pipeline import convert as convert_pipeline

    screen = Screen(quiet)
    conversion = convert_pipeline(make_options(given, config), screen.progress)
    screen.show_artifacts(conversion)
    return conversion.status


COMMAND = convert
