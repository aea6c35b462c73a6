"""Save and load checkpoints: weights with their config and label set in one safetensors file.

The file's metadata (safetensors' string table) holds one entry, ``fpliif``: a JSON object with the network ``config``,
the ``labels`` and, for people, ``about``. One entry because the library writes several in random order, and equal
checkpoints should be equal files. Reading executes nothing. State dicts saved by torch (.pt, .pth) are read with
`weights_only`, which refuses anything but tensors.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fpliif.config import FPLIIFConfig
from fpliif.errors import CheckpointError, ConfigError
from fpliif.network import FPLIIF
from segdata.errors import DataError
from segdata.labels import LabelSet

KEY = "fpliif"
WEIGHTS = Path(__file__).parent / "weights"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class LoadedCheckpoint:
    """Hold what was read from a checkpoint.

    Attributes:
        network: eval-mode float32 network on the CPU.
        labels: the classes of its logits, by position.
        sha256: hash of the file.
        about: what the file says of its making (may be empty).
        path: where it came from.
    """

    network: FPLIIF
    labels: LabelSet
    sha256: str
    about: Mapping[str, Any]
    path: Path


def shipped(name: str) -> Path:
    """Find a checkpoint that comes with the package; raises CheckpointError listing the names there are."""
    path = WEIGHTS / f"{name}{SUFFIX}"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in WEIGHTS.glob(f"*{SUFFIX}"))) or "none"
        raise CheckpointError(
            f"there is no shipped checkpoint {name!r}; choose one of: {known}; or name a file, or your own network as "
            "package.module:factory"
        )
    return path


def save_checkpoint(
    network: FPLIIF, labels: LabelSet, path: Path, *, half: bool = False, about: Mapping[str, Any] | None = None
) -> str:
    """Write a checkpoint; the file appears whole or not at all.

    Args:
        network: what to save.
        labels: its classes; their number must match the network's.
        path: a ``.safetensors`` file, replaced if it exists.
        half: store weights as float16 (half the size; read back as float32).
        about: plain JSON values on how the weights were made.

    Returns:
        sha256 of the file.

    Raises:
        CheckpointError: if the label set does not fit or the file cannot be written.
    """
    _check_classes(network.config, labels, path)
    tensors = {name: _stored(tensor, half) for name, tensor in network.state_dict().items()}
    stated = {"config": network.config.to_dict(), "labels": asdict(labels), "about": dict(about or {})}
    content = save(tensors, {KEY: json.dumps(stated)})
    replace_file(path, content)
    return hashlib.sha256(content).hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically; raises CheckpointError if the place cannot be written."""
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{path} cannot be written ({error.strerror}); choose another place") from None


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor


def load_checkpoint(
    path: Path | str, *, config: FPLIIFConfig | None = None, labels: LabelSet | None = None
) -> LoadedCheckpoint:
    """Read a checkpoint without executing anything in it.

    Args:
        path: a ``.safetensors`` checkpoint, or a state dict saved by torch.
        config: the network's shape; needed for files that do not state it (torch state dicts, foreign safetensors).
        labels: the classes expected; needed for files that do not state them, checked (by name) for those that do.

    Raises:
        CheckpointError: if the file is missing, is no checkpoint, would run code, lacks its config, or does not fit
            the config or the classes.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path)
    table = _stated(metadata, path)
    config = _stated_config(table, path) or config
    stated = _stated_labels(table, path)
    if stated and labels and stated.names != labels.names:
        raise CheckpointError(
            f"{path} has {len(stated)} classes ({', '.join(stated.names)}) but {len(labels)} other ones were asked "
            f"for ({labels.name}); choose the label set that it was trained with"
        )
    labels = stated or labels
    if config is None or labels is None:
        missing = "its network config" if config is None else "its classes"
        raise CheckpointError(f"{path} does not state {missing}; give the config and the label set along with it")
    _check_classes(config, labels, path)
    network = FPLIIF(config)
    _fill(network, tensors, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return LoadedCheckpoint(network.eval(), labels, sha256, table.get("about", {}), path)


def _check_classes(config: FPLIIFConfig, labels: LabelSet, path: Path) -> None:
    if config.classes != len(labels):
        raise CheckpointError(
            f"{path}: the network has {config.classes} classes but label set {labels.name!r} has {len(labels)}; "
            "give a label set and a network of the same number"
        )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata of a .safetensors file, or a torch state dict, without executing anything in it.

    Raises:
        CheckpointError: the file is missing, is neither, or would run code when read.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist" if not path.exists() else "is no file"
        wanted = (
            "a .safetensors checkpoint" if path.suffix == SUFFIX else "a .safetensors file or of a torch state dict"
        )
        raise CheckpointError(f"{path} {what}; give the path of {wanted}")
    if path.suffix == SUFFIX:
        try:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except SafetensorError:
            raise CheckpointError(f"{path} is not a safetensors file, or is cut short; give a whole one") from None
    return _read_state_dict(path), {}


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # It warns of pickle protocols it may not know, and then refuses them with an error.
            warnings.simplefilter("ignore", UserWarning)
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(_why_not_loaded(path)) from None
    except Exception:  # noqa: BLE001 - damaged pickles raise anything, IndexError and struct.error included
        raise CheckpointError(f"{path} is not a checkpoint; give a .safetensors file or a torch state dict") from None
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise CheckpointError(f"{path} holds no plain state dict; save `network.state_dict()` alone")
    return loaded


def _why_not_loaded(path: Path) -> str:
    """Say why torch refused a file: its one error covers text and dangerous pickles; first bytes tell them apart."""
    head = path.read_bytes()[:2]
    if zipfile.is_zipfile(path) or head[:1] == b"\x80":
        return f"{path} contains more than tensors and would run code when read; save `network.state_dict()` alone"
    return f"{path} is not a checkpoint; give a .safetensors file or a torch state dict"


def _stated(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Read what the file says of itself; nothing for files that are not ours."""
    try:
        table = json.loads(metadata.get(KEY, "{}"))
    except json.JSONDecodeError:
        table = None
    if not isinstance(table, dict):
        raise CheckpointError(f"{path} has damaged metadata; export the checkpoint again")
    return table


def _stated_config(table: Mapping[str, Any], path: Path) -> FPLIIFConfig | None:
    if "config" not in table:
        return None
    try:
        return FPLIIFConfig.from_dict(table["config"])
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _stated_labels(table: Mapping[str, Any], path: Path) -> LabelSet | None:
    if "labels" not in table:
        return None
    try:
        stated = table["labels"]
        return LabelSet(
            name=stated["name"],
            names=tuple(stated["names"]),
            colours=tuple((int(r), int(g), int(b)) for r, g, b in stated["colours"]),
            mirrored=tuple((left, right) for left, right in stated["mirrored"]),
        )
    except (ValueError, KeyError, TypeError, DataError):
        raise CheckpointError(f"{path} states its classes in a damaged form; export the checkpoint again") from None


def _fill(network: FPLIIF, tensors: Mapping[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    missing, foreign = sorted(set(wanted) - set(tensors)), sorted(set(tensors) - set(wanted))
    if missing or foreign:
        what = f"lacks {missing[0]}" if missing else f"has an unknown tensor {foreign[0]}"
        raise CheckpointError(f"{path} {what}; give a checkpoint of this network's shape")
    for name, tensor in wanted.items():
        if tensors[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(tensors[name].shape)} where this network has {tuple(tensor.shape)}; "
                "give the config that the checkpoint was trained with"
            )
        if not torch.isfinite(tensors[name].float()).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite; train or export it again")
    network.load_state_dict({name: tensors[name].to(wanted[name].dtype) for name in wanted})
