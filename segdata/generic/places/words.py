"""Take words that say what a file is off its name: NAME_mask, image_NAME."""

from __future__ import annotations

import re
from collections.abc import Callable

MASK_WORDS = (
    "masks?|labels?|label_?ids|gt(?:fine)?_label(?:train)?ids|gt|groundtruth|ground_truth|seg(?:mentation)?s?|annotations?|annot|anno"
    "|matte|alpha|target|trimap"
)
IMAGE_WORDS = "images?|imgs?|im|rgb|sat|photo|picture|input|orig(?:inal)?|leftimg8bit"

Rename = Callable[[str], str | None]
"""Takes a word off a stem; None for a stem without it."""


def without(words: str, *, apart: bool = False) -> Rename:
    """Return what takes one of `words` off the end or the beginning; with `apart` only where a separator stands
    between."""
    gap = "[_. -]" + ("" if apart else "?")
    behind, before = re.compile(f"(.+?){gap}(?:{words})", re.I), re.compile(f"(?:{words}){gap}(.+)", re.I)
    single = re.compile(r"(.+?)[_. -][LM]")  # CamVid's NAME_L.png

    def rename(stem: str) -> str | None:
        found = (
            behind.fullmatch(stem)
            or before.fullmatch(stem)
            or (single.fullmatch(stem) if words is MASK_WORDS else None)
        )
        return found.group(1).casefold() if found else None

    return rename
