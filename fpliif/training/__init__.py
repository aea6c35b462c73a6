"""Train FP-LIIF: one loop, and what it starts with, draws, changes, loses and reports.

`python -m fpliif.training` is its command line, `fpliif.training.train` the same in Python.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
