"""Keeps what torch prints, logs and warns of while it reads and tries a network off the terminal: the sentence says
it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.tools.capture import captured


@contextmanager
def quiet() -> Iterator[None]:
    """Until the block ends, nothing that is printed, by C++ either, is seen."""
    with captured(Path(os.devnull)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
