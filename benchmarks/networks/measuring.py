"""One network through segport's command line; what its report says, kept as a row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks.networks import Network
from benchmarks.networks.zoo import SIDE
from toolkit.errors import ExitStatus, UsageError
from toolkit.options import RunOptions, make_options

Tell = Callable[[str], None]
FACTORIES = "benchmarks.networks.zoo"
WEIGHING = 8
"""Pictures that the weights are fitted to."""


@dataclass(frozen=True)
class Setting:
    """How all networks are measured.

    Attributes:
        work: folder for everything kept.
        pictures: how many judge.
        calibration: how many fix integer ranges.
        recipes: names.
    """

    work: Path
    pictures: int
    calibration: int
    recipes: tuple[str, ...]


def measure(network: Network, setting: Setting, tell: Tell) -> dict[str, Any]:
    """Measure a row of the table; raises UsageError if segport refuses the network altogether."""
    folder = setting.work / network.name
    folder.mkdir(parents=True, exist_ok=True)
    tell(f"{network.title}: weights")
    made = _weights(network, folder)
    tell(f"{network.title}: segport run")
    report = _segport(network, setting, folder)
    return {
        "package": f"{network.package} {version(network.package)}",
        "parameters": report["model"]["parameters"],
        **made,
        "artifacts": {artifact["name"]: _cell(artifact) for artifact in report["artifacts"]},
        "failed": json.loads((folder / "run" / "manifest.json").read_text())["failed"],
    }


def _weights(network: Network, folder: Path) -> dict[str, int]:
    """Write the weights, once; how many classes there are and how many win on pictures that did not fit them."""
    import torch
    from safetensors.torch import save_file

    from benchmarks.networks.weights import lively, winners
    from converters.torch_sources.adapter import Adapted, AnswerForm, PictureForm
    from toolkit.models import load_source

    path, record = folder / "weights.safetensors", folder / "weights.json"
    if path.is_file() and record.is_file():
        known: dict[str, int] = json.loads(record.read_text())
        return known
    torch.manual_seed(0)
    source = load_source(_options(network))
    adapted = source.module
    assert adapted is not None
    whole = adapted if isinstance(adapted, Adapted) else Adapted(adapted, PictureForm(), AnswerForm())
    lively(whole.network, whole, _pictures("train", WEIGHING))
    with torch.no_grad():
        found = dict(winners(whole(_pictures("val", WEIGHING))))
    tensors = {name: tensor.clone() for name, tensor in whole.network.state_dict().items()}
    save_file(tensors, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    record.write_text(json.dumps(found))
    return found


def _pictures(split: str, count: int) -> Any:
    """Draw float32 (count, 3, SIDE, SIDE), 0..1."""
    import torch

    from segdata.faces.synthetic import SyntheticFaces

    faces = SyntheticFaces(split, size=SIDE, length=count)
    return torch.from_numpy(np.stack([faces[index].image for index in range(count)])).permute(0, 3, 1, 2) / 255


def _options(network: Network) -> RunOptions:
    names = [word.removeprefix("--").replace("-", "_") for word in network.options[::2]]
    given = dict(zip(names, network.options[1::2], strict=True))
    return make_options({**given, "model": f"{FACTORIES}:{network.name}", "input_size": SIDE})


def _segport(network: Network, setting: Setting, folder: Path) -> Mapping[str, Any]:
    """Run `segport run` as a person types it and return its report. What was converted before is reused."""
    command = [
        sys.executable,
        "-c",
        "from toolkit.cli import main; main()",
        "run",
        "--model",
        f"{FACTORIES}:{network.name}",
        "--weights",
        str(folder / "weights.safetensors"),
        "--input-size",
        str(SIDE),
        *network.options,
        "--photos",
        str(photographs(setting)),
        "--calibration-images",
        str(setting.calibration),
        "--formats",
        "tflite,coreml",
        "--recipes",
        ",".join(setting.recipes),
        "--latency-samples",
        "0",
        "--examples",
        "0",
        "--no-checks",
        "--threads",
        "1",
        "--quiet",
        "--out",
        str(folder / "run"),
    ]
    with (folder / "run.log").open("wb") as log:
        status = subprocess.run(command, check=False, stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode
    if status not in (ExitStatus.PASS, ExitStatus.GATE_FAILED, ExitStatus.TOOL_FAILED):
        words = (folder / "run.log").read_text(errors="replace").strip().splitlines()
        raise UsageError(f"segport run of {network.name} ended with status {status}: {words[-1] if words else ''}")
    found: Mapping[str, Any] = json.loads((folder / "run" / "report.json").read_text())
    return found


def photographs(setting: Setting) -> Path:
    """Folder of the pictures that judge: drawn faces of the test split, written once."""
    from PIL import Image

    from segdata.faces.synthetic import SyntheticFaces

    folder = setting.work / f"pictures-{setting.pictures}-{SIDE}"
    faces = SyntheticFaces("test", size=SIDE, length=setting.pictures)
    for index in range(setting.pictures):
        path = folder / f"{index:04}.png"
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(faces[index].image).save(path)
    return folder


def _cell(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """Agreement with torch of the one runtime that ran here, or why none did."""
    measured = [run for run in artifact["runs"] if run["pixel_agreement"] is not None]
    if not measured:
        return {"bytes": artifact["size_bytes"], "reason": "; ".join(str(run["reason"]) for run in artifact["runs"])}
    return {
        "bytes": artifact["size_bytes"],
        "runner": measured[0]["runner"],
        "agreement": round(measured[0]["pixel_agreement"], 6),
    }
