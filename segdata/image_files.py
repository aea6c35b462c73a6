"""Read pictures and label maps from files, and name every way it can go wrong in one sentence."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from segdata.errors import DataError
from segdata.labels import IGNORE_INDEX

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
BAND_SUFFIX = ".npy"
"""Pictures of any number of channels: uint8 (H, W, C), as numpy.save writes them."""
_WIDE = ("I", "F")
_ID_MODES = {"P", "L", "1"}


@dataclass(frozen=True)
class StoredMask:
    """Hold a mask as its file stores it, turned as its own EXIF orientation asks.

    Attributes:
        picture: in the mode of the file.
        lossy: True for JPEG, which changes values.
        step: 85 or 17 for a grey PNG of 2 or 4 bits, whose values Pillow spreads over 0..255; else 1.
    """

    picture: Image.Image
    lossy: bool
    step: int


def load_mask(path: Path, content: bytes | None = None) -> StoredMask:
    """Read a mask file, or the bytes of one; raises DataError naming `path`."""
    with _opened(path, "mask", content) as file:
        tiles = getattr(file, "tile", [])
        raw = str(tiles[0][3]) if tiles and file.format == "PNG" else ""
        file.load()
        step = {"L;2": 85, "L;4": 17}.get(raw, 1)
        return StoredMask(ImageOps.exif_transpose(file).copy(), file.format == "JPEG", step)


def _load(path: Path, kind: str, content: bytes | None = None) -> Image.Image:
    with _opened(path, kind, content) as file:
        file.load()
        return file.copy()


@contextmanager
def _opened(path: Path, kind: str, content: bytes | None) -> Iterator[Image.Image]:
    """Open an image file; whatever its reader raises inside the block becomes a DataError naming `path`."""
    if content is None and path.exists() and not path.is_file():
        raise DataError(f"{kind} {path} is not a file; remove it, or put the picture there")
    try:
        with Image.open(path if content is None else io.BytesIO(content)) as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{kind} {path} does not exist; restore it or remove its partner") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise DataError(f"{kind} {path} cannot be read ({problem}); replace the file, it may be damaged") from None


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read uint8 RGB (H, W, 3), turned the way its EXIF orientation asks; raises DataError naming the file."""
    return _upright(_load(path, "image"), path)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read as `read_image`, or the uint8 (H, W, C) array of a .npy file, of which nothing is executed; raises
    DataError."""
    if path.suffix.lower() != BAND_SUFFIX:
        return read_image(path)
    if path.exists() and not path.is_file():
        raise DataError(f"image {path} is not a file; remove it, or put the picture there")
    try:
        bands = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"image {path} does not exist; restore it or remove its partner") from None
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError) as problem:
        reason = " ".join(str(problem).split())
        raise DataError(f"image {path} cannot be read ({reason}); replace the file, it may be damaged") from None
    if not isinstance(bands, np.ndarray) or bands.dtype != np.uint8 or bands.ndim != 3 or 0 in bands.shape:
        found = f"{bands.dtype} {bands.shape}" if isinstance(bands, np.ndarray) else "an archive"
        raise DataError(f"image {path} holds {found}; store a picture as uint8 (height, width, channels)")
    return bands


def decoded_image(content: bytes, where: Path) -> NDArray[np.uint8]:
    """Read as `read_image`, from the bytes of an image file; DataError speaks of `where`."""
    return _upright(_load(where, "image", content), where)


def _upright(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    if picture.mode.startswith(_WIDE):  # Pillow would cut every value above 255
        raise DataError(f"image {path} has more than 8 bits a pixel (mode {picture.mode}); store 8-bit pictures")
    return np.array(ImageOps.exif_transpose(picture).convert("RGB"))


def read_ids(path: Path) -> NDArray[np.uint8]:
    """Read uint8 class ids (H, W) of an indexed or grey PNG, as stored; raises DataError naming the file."""
    return _ids_of(_load(path, "mask"), path)


def _ids_of(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    if picture.mode not in _ID_MODES:
        raise DataError(
            f"mask {path} has mode {picture.mode!r}; store class ids as an indexed or 8-bit grey PNG, one id per pixel,"
            " or list the colour of every class in classes.json"
        )
    return np.array(picture, dtype=np.uint8)


def read_colours(path: Path) -> NDArray[np.uint8]:
    """Read uint8 RGB (H, W, 3) of a colour-coded mask, as stored; raises DataError naming the file."""
    return np.array(_load(path, "mask").convert("RGB"))


def read_part(path: Path) -> NDArray[np.bool_]:
    """Read where a black-and-white part file is not black, bool (H, W); raises DataError naming the file."""
    return np.asarray(_load(path, "mask").convert("L")) > 0


def check_ids(ids: NDArray[np.uint8], known: int, path: Path) -> None:
    """Raise DataError naming `path` if a mask holds an id that is neither below `known` nor the ignore value."""
    counts = np.bincount(ids.ravel(), minlength=256)
    counts[IGNORE_INDEX] = 0
    unknown = np.flatnonzero(counts[known:]) + known
    if len(unknown):
        raise DataError(
            f"mask {path} holds the unknown class id {unknown[0]}; the label set has ids 0 to {known - 1}"
            f" (and {IGNORE_INDEX} for ignored pixels)"
        )


def check_size(image: NDArray[np.uint8], mask: NDArray[np.uint8], image_path: Path, mask_path: Path) -> None:
    """Raise DataError naming both files if their heights or widths differ."""
    if image.shape[:2] != mask.shape:
        (height, width), (rows, columns) = image.shape[:2], mask.shape
        turned = (
            " (images are turned as their EXIF orientation asks, masks only as their own asks)"
            if (height, width) == (columns, rows)
            else ""
        )
        raise DataError(
            f"mask {mask_path} is {columns}x{rows} but image {image_path} is {width}x{height};"
            f" store the mask at its image's size{turned}"
        )
