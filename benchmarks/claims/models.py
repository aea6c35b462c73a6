"""The compared networks, opened the same way: a static graph for segport's converters and what its file weighs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claims.baselines.networks import TITLES, static_graph
from benchmarks.claims.baselines.weights_files import load_baseline, shipped_path
from fpliif.checkpoint import WEIGHTS, load_checkpoint
from fpliif.deploy import deploy
from segdata.labels import FACE11

if TYPE_CHECKING:
    from torch import nn

    from converters import ModelSource

SIDE = 256
LABELS = FACE11
OURS = {"fp-liif-face11": "FP-LIIF", "fp-liif-mobile-face11": "FP-LIIF mobile"}
FIRST = "fp-liif-face11"
"""The network that the others are compared with."""


@dataclass(frozen=True)
class Model:
    """A trained network of the comparison.

    Attributes:
        name: of its weights.
        title: for people.
        source: what converters and runners take; its module answers at SIDE x SIDE.
        weights_bytes: size of the float16 checkpoint.
        steps: training steps behind the weights.
    """

    name: str
    title: str
    source: ModelSource
    weights_bytes: int
    steps: int


def weight_paths() -> dict[str, Path]:
    """Return where the weights of each network lie, by name, in the order of the table; some may not exist yet."""
    ours = {name: WEIGHTS / f"{name}.safetensors" for name in OURS}
    return ours | {name: shipped_path(name, LABELS) for name in TITLES}


def trained() -> list[str]:
    """Name the networks whose weights exist."""
    return [name for name, path in weight_paths().items() if path.is_file()]


def open_model(name: str) -> Model:
    """Read a network's weights; raises CheckpointError if they are missing or damaged."""
    path = weight_paths()[name]
    if name in OURS:
        checkpoint = load_checkpoint(path, labels=LABELS)
        graph: nn.Module = deploy(checkpoint.network, SIDE, SIDE)
        return _model(name, OURS[name], path, graph, checkpoint.network, _steps(path, checkpoint.about))
    baseline = load_baseline(path)
    return _model(
        name, TITLES[name], path, static_graph(baseline.network), baseline.network, int(baseline.about["step"])
    )


def joined_model() -> Model:
    """Build FP-LIIF as it was trained, its first pixel layer at every output pixel; see `joined`."""
    from benchmarks.claims.first_layer.joined import JoinedFPLIIF

    path = weight_paths()[FIRST]
    checkpoint = load_checkpoint(path, labels=LABELS)
    graph = JoinedFPLIIF(checkpoint.network, SIDE)
    return _model("fp-liif-joined", "as trained", path, graph, checkpoint.network, _steps(path, checkpoint.about))


def first_layer_forms() -> dict[str, Model]:
    """Build FP-LIIF with its first pixel layer in every form that is compared, as trained and as shipped first."""
    from benchmarks.claims.first_layer.variants import VARIANTS, variant

    path = weight_paths()[FIRST]
    checkpoint = load_checkpoint(path, labels=LABELS)
    network, steps = checkpoint.network, _steps(path, checkpoint.about)
    forms = {"joined": joined_model(), "rewritten": replace(open_model(FIRST), title="rows and columns (shipped)")}
    for name, (title, _) in VARIANTS.items():
        graph = variant(name, network, SIDE)
        forms[name] = _model(f"fp-liif-{name.replace('_', '-')}", title, path, graph, network, steps)
    return forms


def _steps(path: Path, about: Mapping[str, Any]) -> int:
    """Count the steps behind a shipped checkpoint.

    Of its own training, and of the first stage if it went on from that.
    """
    from benchmarks.claims.baselines.training import STAGES
    from fpliif.training.config import TrainConfig

    training = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["training"]
    return int(about["step"]) + (TrainConfig.from_toml(STAGES[0]).steps if training["config"].get("start") else 0)


def _model(name: str, title: str, path: Path, graph: nn.Module, network: nn.Module, steps: int) -> Model:
    from converters import ModelSource, PixelRange
    from converters.artifact import content_hash
    from fpliif.network import count_parameters

    source = ModelSource(
        name=name,
        classes=LABELS.names,
        colours=LABELS.colours,
        input_size=(SIDE, SIDE),
        output_size=(SIDE, SIDE),
        pixel_range=PixelRange.UNIT,
        parameters=count_parameters(network),
        weights_sha256=content_hash(path),
        origin=str(path.name),
        module=graph,
    )
    return Model(name, title, source, path.stat().st_size, steps)


def graph_multiply_adds(graph: nn.Module, side: int = SIDE) -> int:
    """Count the multiply-adds of a graph's convolutions for one picture, as torch runs it."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        graph(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops()) // 2
