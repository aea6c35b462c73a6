"""Which tests a worker takes together: files, and all files of a room whose fixtures convert something once for all of
them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

ROOMS = (
    r"tests/converters/(formats|test_inspect|test_foreign)",
    r"tests/validation/(?!milrun|metrics|verdict)",
    r"tests/toolkit/apps/web_demo/",
)


def room_of(test: str) -> str:
    """Where a test belongs, by its name as pytest writes it."""
    path = test.partition("::")[0]
    return next((room for room in ROOMS if re.match(room, path)), path)


def scheduler(config: Any, log: Callable[..., None]) -> Any:
    """Of pytest-xdist: whole rooms, the largest first."""
    from xdist.scheduler import LoadScopeScheduling

    class ByRoom(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return room_of(nodeid)

    return ByRoom(config, log)
