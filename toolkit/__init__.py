"""segport: trained segmentation network in, phone-ready models and the proof that they still work out.

Python does all that the command line does::

    import toolkit
    outcome = toolkit.run(toolkit.RunOptions(out="runs/mine"))
    print(outcome.document["artifacts"][0]["verdict"])

Names are looked up on first use, so that `import toolkit` loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.document.outcome import Outcome
    from toolkit.options import RunOptions
    from toolkit.pipeline import bench, convert, run, validate

__version__ = "0.1.0"
__all__ = ["Outcome", "RunOptions", "bench", "convert", "run", "validate"]

_HOMES = {
    "RunOptions": "toolkit.options",
    "Outcome": "toolkit.pipeline",
    "bench": "toolkit.pipeline",
    "convert": "toolkit.pipeline",
    "run": "toolkit.pipeline",
    "validate": "toolkit.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
