"""Bringing samples to the size a network wants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError


def fit(sample: Sample, size: int | tuple[int, int]) -> Sample:
    """Resize a sample to `size` (side of a square, or (height, width)), stretching where the shape differs.

    The image is resampled bilinearly with antialiasing (Pillow's BILINEAR: its support grows when shrinking), the mask
    by the nearest pixel centre, so no id appears that was not there. A sample that already has the size is returned as
    it is.

    Returns:
        the sample with image uint8 (height, width, C) and mask uint8 (height, width).

    Raises:
        DataError: for a size below one pixel.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise DataError(f"a sample cannot be resized to {width}x{height}; give a size of at least one pixel")
    if sample.mask.shape == (height, width):
        return sample
    mask = Image.fromarray(sample.mask).resize((width, height), Image.Resampling.NEAREST)
    return Sample(sample.id, resized(sample.image, height, width), np.array(mask))


def resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A uint8 picture (H, W, C) at another size, as `fit` does it; one that has the size already as it is."""
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] == 3:
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    # Pillow knows pictures of few channels; it resizes each by itself anyway.
    planes = [Image.fromarray(np.ascontiguousarray(image[:, :, number])) for number in range(image.shape[2])]
    return np.stack([np.array(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes], axis=2)


class FittedSamples(Dataset):
    """The samples of `whole` as squares of side `size`, see `fit`."""

    def __init__(self, whole: Dataset, size: int) -> None:
        self.name, self.split, self.labels, self.layout = whole.name, whole.split, whole.labels, whole.layout
        self.ignores = whole.ignores
        self._whole, self._size = whole, size

    def __len__(self) -> int:
        return len(self._whole)

    def sample_id(self, index: int) -> str:
        return self._whole.sample_id(index)

    def __getitem__(self, index: int) -> Sample:
        return fit(self._whole[index], self._size)

    def fingerprint(self) -> str:
        """The whole dataset's fingerprint and the size."""
        return f"{self._whole.fingerprint()} fit={self._size}"
