"""Bring a stored mask into one of three forms: values, indices with a palette, or colours.

Which class a value, an index or a colour stands for is decided in `segdata.generic.masks.mask_code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdata.errors import DataError
from segdata.image_files import StoredMask
from segdata.labels import IGNORE_INDEX

BLACK, WHITE = 0, 255
_DEEP = 65535
_ALMOST_GREY = 32
"""Largest difference between the channels of a grey pixel after JPEG."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Hold the pixels of one mask.

    Attributes:
        values: uint8 (H, W): grey levels or palette indices; None for colours.
        palette: uint8 (256, 3), the colour of each index; None without a palette.
        colours: uint8 (H, W, 3); None unless the file stores colours.
        clear: bool (H, W), fully transparent pixels; None where there are none.
        lossy: True if the file's compression changes values.
    """

    values: NDArray[np.uint8] | None
    palette: NDArray[np.uint8] | None = None
    colours: NDArray[np.uint8] | None = None
    clear: NDArray[np.bool_] | None = None
    lossy: bool = False

    @cached_property
    def used(self) -> NDArray[np.intp]:
        """Values or indices that occur, sorted; none for colours."""
        if self.values is None:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(np.bincount(self.values.ravel(), minlength=256))

    @cached_property
    def greys(self) -> NDArray[np.uint8] | None:
        """Grey levels as they look, uint8 (H, W), black where transparent; None for a mask in other colours."""
        if self.palette is not None and self.values is not None:
            shown = self.palette[self.used].astype(np.int16)
            if (shown != shown[:, :1]).any():
                return None
            found: NDArray[np.uint8] = self.palette[self.values][..., 0]
        elif self.colours is not None:
            wide = self.colours.astype(np.int16)
            if int((wide.max(axis=2) - wide.min(axis=2)).max()) > (_ALMOST_GREY if self.lossy else 0):
                return None
            found = np.rint(wide.mean(axis=2)).astype(np.uint8)
        else:
            assert self.values is not None  # a sheet holds one of the two
            found = self.values
        return found if self.clear is None else np.where(self.clear, np.uint8(BLACK), found)


def sheet_of(mask: StoredMask, path: Path) -> Sheet:
    """The pixels of a mask; raises DataError naming `path` for values that are no bytes."""
    picture = mask.picture
    mode = picture.mode
    if mode == "1":
        return Sheet(np.array(picture, dtype=np.uint8))
    if mode == "L":
        return Sheet(np.array(picture) // np.uint8(mask.step), lossy=mask.lossy)
    if mode == "P":
        return Sheet(np.array(picture), palette=_palette(picture))
    if mode.startswith(("I", "F")):
        return Sheet(_bytes_of(np.array(picture), path))
    if mode in ("LA", "La"):
        both = np.array(picture.convert("LA"))
        return Sheet(np.ascontiguousarray(both[..., 0]), clear=_clear(both[..., 1]))
    if mode in ("RGBA", "RGBa", "PA"):
        four = np.array(picture.convert("RGBA"))
        return Sheet(None, colours=np.ascontiguousarray(four[..., :3]), clear=_clear(four[..., 3]))
    return Sheet(None, colours=np.array(picture.convert("RGB")), lossy=mask.lossy)


def _palette(picture: Image.Image) -> NDArray[np.uint8]:
    """The colours of a palette, black where it is shorter than 256."""
    stored = np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    whole = np.zeros((256, 3), dtype=np.uint8)
    whole[: len(stored)] = stored[:256]
    return whole


def _clear(alpha: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    clear: NDArray[np.bool_] = alpha == 0
    return clear if clear.any() else None


def _bytes_of(values: NDArray[np.generic], path: Path) -> NDArray[np.uint8]:
    """Values of 16 or 32 bits as bytes: as they are, or divided by 257 where 8 bits were spread over 16; -1 and 65535
    are ignored."""
    whole = np.rint(values).astype(np.int64) if values.dtype.kind == "f" else values.astype(np.int64)
    if values.dtype.kind == "f" and not np.array_equal(whole, values):
        raise DataError(f"mask {path} holds fractions; store one whole number a pixel, the id of its class")
    if whole.max() > IGNORE_INDEX and not (whole % 257).any() and whole.min() >= 0:
        whole = whole // 257
    whole[(whole == -1) | (whole == _DEEP)] = IGNORE_INDEX
    strange = whole[(whole < 0) | (whole > IGNORE_INDEX)]
    if strange.size:
        raise DataError(
            f"mask {path} holds {strange.flat[0]}, which is no class id; store ids from 0 to 254, 255 for ignored"
        )
    return whole.astype(np.uint8)
