"""`segport search`: which layers must stay floats for every class to keep its limit."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport search --max-class-drop 0.005[/]  |  "
    "[bold]segport search -m my_package.nets:build --weights net.safetensors --dataset folder:/data/streets "
    "--max-class-drop 0.01 --minimize latency -o runs/search[/]  |  [bold]segport run --policy runs/search/policy.toml[/]"
)

LARGEST_MEAN_DROP = 0.005
"""Limit of mean IoU if none is given and that of the classes is no smaller."""


def search(
    config: o.Config = None,
    model: o.Model = None,
    weights: o.Weights = None,
    classes: o.Classes = None,
    input_size: o.InputSize = None,
    output_size: o.OutputSize = None,
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
    calibration_images: o.CalibrationImages = None,
    threads: o.Threads = None,
    latency_samples: o.LatencySamples = None,
    max_miou_drop: Annotated[
        float | None,
        typer.Option(help="Limit: fraction of mean IoU that may be lost; as --max-class-drop, at most 0.005."),
    ] = None,
    max_class_drop: Annotated[float, typer.Option(help="Limit: fraction of IoU that any class may lose.")] = 0.005,
    minimize: Annotated[str, typer.Option(help="What is to be small within the limits: size or latency.")] = "size",
    candidates: Annotated[int, typer.Option(min=1, help="Artifacts to make and measure at most.")] = 24,
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> int:
    """Quantize each layer alone, then find which few to keep in float16 so that no class loses more than its limit."""
    from rich.console import Console

    from toolkit.apps.search.searching import search as run_search
    from toolkit.apps.search.showing import show
    from toolkit.apps.search.strategy import Limits
    from toolkit.errors import ExitStatus, UsageError
    from toolkit.options import make_options

    given = {key: value for key, value in locals().items() if key in _OPTIONS}
    if max_miou_drop is None:
        max_miou_drop = min(LARGEST_MEAN_DROP, max_class_drop)
    limits = Limits(max_miou_drop, max_class_drop)
    if not (0 <= max_miou_drop <= 1 and 0 <= max_class_drop <= 1):
        raise UsageError("limits are fractions of IoU from 0 to 1 (0.005 is half a point)")
    if max_class_drop < max_miou_drop:
        raise UsageError(
            f"the limits contradict each other: no class may lose more than {max_class_drop}, so the mean cannot lose {max_miou_drop}; "
            "give --max-miou-drop at most --max-class-drop"
        )
    if minimize not in ("size", "latency"):
        raise UsageError(f"--minimize {minimize!r} is not known; write size or latency")
    screen = Screen(quiet)
    found = run_search(make_options(given, config), limits, minimize, candidates, screen.progress)  # type: ignore[arg-type]
    show(found, Console())
    return ExitStatus.PASS


_OPTIONS = (
    "model", "weights", "classes", "input_size", "output_size", "pixel_range", "mean", "std", "channel_order", "channels",
    "model_layout",    "answer", "upsample", "dataset", "split", "images", "calibration_images", "threads", "latency_samples", "out",
)  # fmt: skip
COMMAND = search
