"""The baselines' weights on disk.

Float16 safetensors beside this module, one metadata entry that says what they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from benchmarks.claims.baselines.networks import BASELINES, TITLES, DenseNetwork
from fpliif.checkpoint import read_tensors, replace_file
from fpliif.errors import CheckpointError
from fpliif.training.config import LABEL_SETS
from segdata.labels import LabelSet

KEY = "segport.claims"
WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Baseline:
    """A trained baseline.

    Attributes:
        network: eval mode, float32, on the CPU.
        labels: its classes.
        about: how it was trained: step, steps, seconds, validation scores, data digest.
        path: where it came from.
    """

    network: DenseNetwork
    labels: LabelSet
    about: dict[str, Any]
    path: Path


def shipped_path(name: str, labels: LabelSet) -> Path:
    """Return where the weights of a baseline for a label set lie once they are trained."""
    return WEIGHTS / f"{name}-{labels.name}.safetensors"


def make_baseline(name: str, labels: LabelSet) -> DenseNetwork:
    """Make a baseline with random weights; raises CheckpointError listing the names there are."""
    if name not in BASELINES:
        raise CheckpointError(f"there is no baseline {name!r}; choose one of: {', '.join(BASELINES)}")
    return BASELINES[name](len(labels))


def save_baseline(
    name: str, network: DenseNetwork, labels: LabelSet, path: Path, about: dict[str, Any], *, half: bool
) -> None:
    """Write weights (as float16 if `half`); the file appears whole or not at all."""
    tensors = {}
    for key, tensor in network.state_dict().items():
        plain = tensor.detach().cpu().contiguous()
        tensors[key] = plain.half() if half and plain.is_floating_point() else plain
    stated = {"network": name, "labels": labels.name, "about": about}
    replace_file(path, save(tensors, {KEY: json.dumps(stated)}))


def load_baseline(path: Path) -> Baseline:
    """Read weights; raises CheckpointError if the file is missing, not ours, or of another shape of network."""
    tensors, metadata = read_tensors(path)
    try:
        stated = json.loads(metadata[KEY])
        labels = LABEL_SETS[stated["labels"]]
        name, about = stated["network"], dict(stated["about"])
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{path} is not a trained baseline; train it with python -m benchmarks.claims") from None
    network = make_baseline(name, labels)
    try:
        network.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})
    except RuntimeError:
        raise CheckpointError(f"{path} does not fit today's {TITLES[name]}; train it again") from None
    return Baseline(network.eval(), labels, about, path)
