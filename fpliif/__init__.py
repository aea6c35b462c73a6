"""FP-LIIF: the network, its exact deployable rewrite, its training and its shipped checkpoints.

Importing this package is cheap: torch is imported when one of the names below is first used.
`fpliif.deploy.deploy` is not among them: a package cannot have a module and a function of one name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fpliif.errors import CheckpointError, ConfigError, FPLIIFError, TrainingError

if TYPE_CHECKING:
    from fpliif.checkpoint import LoadedCheckpoint, load_checkpoint, save_checkpoint, shipped
    from fpliif.config import FPLIIFConfig, preset
    from fpliif.network import FPLIIF

_HOME = {
    "FPLIIF": "fpliif.network",
    "FPLIIFConfig": "fpliif.config",
    "LoadedCheckpoint": "fpliif.checkpoint",
    "load_checkpoint": "fpliif.checkpoint",
    "preset": "fpliif.config",
    "save_checkpoint": "fpliif.checkpoint",
    "shipped": "fpliif.checkpoint",
}

__all__ = [
    "FPLIIF",
    "CheckpointError",
    "ConfigError",
    "FPLIIFConfig",
    "FPLIIFError",
    "LoadedCheckpoint",
    "TrainingError",
    "load_checkpoint",
    "preset",
    "save_checkpoint",
    "shipped",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fpliif' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
