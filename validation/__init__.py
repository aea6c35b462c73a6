"""From an artifact on disk to evidence: runners, accuracy, latency, verdicts.

The public names stand in ``__init__.pyi``; each is imported on first use, so that importing this package costs nothing.
All runners by name are given by `validation.runners.runners()`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
