"""Write report.html of a training: curves and example answers in one file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from fpliif.checkpoint import replace_file
from fpliif.training.config import TrainConfig
from fpliif.training.pool import Pool
from fpliif.training.showing.curves import Line, draw
from segdata.labels import LabelSet

EXAMPLES = 4
SHOWN_SIZE = 224
"""Side of the example pictures in the page, in pixels."""

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:980px;margin:2rem auto;padding:0 1rem;color:#1f2937;background:#fff}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1rem}
svg{width:100%}svg text{font-size:12px;fill:#4b5563}svg .title{font-size:14px;fill:#111827}
svg line{stroke:#e5e7eb}svg polyline{fill:none;stroke-width:1.8}
.legend{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin:.2rem 0;font-size:13px}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em;border:1px solid #9ca3af}
table{border-collapse:collapse}td,th{padding:.15rem .8rem;border-bottom:1px solid #e5e7eb;text-align:right}
td:first-child,th:first-child{text-align:left}
.row{display:grid;grid-template-columns:repeat(3,minmax(0,224px));gap:.5rem;margin-bottom:.5rem;font-size:13px}
.row img{width:100%;display:block}
"""


@dataclass(frozen=True)
class Example:
    """Hold a validation picture with its truth and the network's answer.

    Attributes:
        image: uint8 RGB (S, S, 3).
        truth, answer: uint8 class ids (S, S); 255 in `truth` is ignored.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    answer: NDArray[np.uint8]


@torch.inference_mode()
def example_answers(network: nn.Module, pool: Pool, half: bool, count: int = EXAMPLES) -> tuple[Example, ...]:
    """Ask `network` (in eval mode) for answers on up to `count` pictures, spread evenly over the pool."""
    device = next(network.parameters()).device
    order = np.unique(np.linspace(0, len(pool) - 1, count).round().astype(np.int64))
    examples = []
    for place in order:  # one at a time: this must not need more memory than a training step
        images, masks = pool.fetch(order[order == place], device)
        pictures = images.permute(0, 3, 1, 2).float() / 255.0
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(pictures.contiguous(memory_format=torch.channels_last), (pool.size, pool.size))
        answer = logits.argmax(1).to(torch.uint8)
        examples.append(Example(images[0].cpu().numpy(), masks[0].cpu().numpy(), answer[0].cpu().numpy()))
    return tuple(examples)


def write_training_report(path: Path, config: TrainConfig, log: Path, examples: Sequence[Example]) -> None:
    """Write the page from a training's log; the file appears whole or not at all.

    Args:
        path: of the page.
        config: of the training.
        log: the log.jsonl that `fpliif.training.showing.progress.TrainingLog` keeps; with at least one validation.
        examples: to show below the curves.
    """
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    judged = [entry for entry in entries if "miou" in entry]
    best = max((entry for entry in judged if entry["best"]), key=lambda entry: entry["step"], default=judged[-1])
    data = config.data.dataset or "drawn faces"
    title = escape(f"Training {config.name}")
    body = [
        f"<h1>{title}</h1>",
        f"<p>{escape(config.network)}, {len(config.label_set)} classes, on {escape(data)}; "
        f"after step {judged[-1]['step']} of {config.steps}. Best checkpoint (validation mean F1 over the foreground): "
        f"mean F1 {best['mean_f1']:.4f}, mIoU {best['miou']:.4f}, after step {best['step']}.</p>",
        f'<div class="curves">{"".join(f"<div>{curve}</div>" for curve in _curves(config, entries, judged))}</div>',
        f"<h2>Classes after step {judged[-1]['step']}</h2>",
        _table(judged[-1]),
        "<h2>Validation pictures: picture, truth, answer</h2>",
        _legend(config.label_set),
        *(_row(example, config.label_set) for example in examples),
    ]
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    replace_file(path, f"{page}<body>{''.join(body)}</body></html>\n".encode())


def _curves(config: TrainConfig, entries: list[dict[str, Any]], judged: list[dict[str, Any]]) -> list[str]:
    stepped = [entry for entry in entries if "loss" in entry]
    steps = config.steps

    def line(name: str, colour: str, source: list[dict[str, Any]], key: str) -> Line:
        return Line(name, colour, tuple((entry["step"], entry[key]) for entry in source if entry[key] is not None))

    classes = [
        Line(
            name,
            _css(config.label_set.colours[index]),
            tuple((e["step"], e["per_class_f1"][name]) for e in judged if e["per_class_f1"][name] is not None),
        )
        for index, name in enumerate(config.label_set.names)
    ]
    positive = [entry for entry in stepped if entry["loss"] > 0]
    return [
        draw("Loss", [line("loss", "#2563eb", positive, "loss")], steps, logarithmic=True),
        draw("Learning rate", [line("learning rate", "#059669", stepped, "rate")], steps),
        draw(
            "Validation",
            [line("mean F1", "#dc2626", judged, "mean_f1"), line("mIoU", "#7c3aed", judged, "miou")],
            steps,
            top=1.0,
        ),
        draw("Validation F1 of each class", classes, steps, top=1.0),
    ]


def _table(entry: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{_number(iou)}</td><td>{_number(entry['per_class_f1'][name])}</td></tr>"
        for name, iou in entry["per_class_iou"].items()
    )
    return f"<table><tr><th>class</th><th>IoU</th><th>F1</th></tr>{rows}</table>"


def _legend(labels: LabelSet) -> str:
    pairs = zip(labels.names, labels.colours, strict=True)
    spans = "".join(f'<span><i style="background:{_css(colour)}"></i>{escape(name)}</span>' for name, colour in pairs)
    return f'<p class="legend">{spans}</p>'


def _row(example: Example, labels: LabelSet) -> str:
    pictures = (
        _embedded(example.image, "picture", Image.Resampling.BILINEAR),
        _embedded(labels.colourize(example.truth), "truth", Image.Resampling.NEAREST),
        _embedded(labels.colourize(example.answer), "answer", Image.Resampling.NEAREST),
    )
    return f'<div class="row">{"".join(pictures)}</div>'


def _embedded(pixels: NDArray[np.uint8], what: str, resampling: Image.Resampling) -> str:
    side = min(SHOWN_SIZE, len(pixels))
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), resampling).save(content, format="PNG")
    return f'<img alt="{what}" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'


def _css(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
