"""The least that manifest.json must hold."""

from __future__ import annotations

from typing import Any


def least_manifest(**more: Any) -> dict[str, Any]:
    """A manifest of a network of one class, without artifacts."""
    model = {
        "name": "net",
        "origin": "net",
        "parameters": 1,
        "weights_sha256": "0",
        "input_size": [64, 64],
        "output_size": [64, 64],
        "pixel_range": "unit",
        "classes": ["a"],
        "colours": [[0, 0, 0]],
    }
    return {"options": {}, "model": model, "artifacts": [], "failed": {}, "calibration": None, **more}
