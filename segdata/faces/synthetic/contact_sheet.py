"""A page of drawn faces with their masks in both label sets.

python -m segdata.faces.synthetic.contact_sheet OUT.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdata.faces.synthetic.faces import SyntheticFaces
from segdata.labels import FACE11, FACE19

GAP = 4


def contact_sheet(rows: int, columns: int, size: int, split: str = "val", first: int = 0) -> NDArray[np.uint8]:
    """uint8 RGB page: `rows` x `columns` cells, each a picture, its FACE11 mask and its FACE19 mask side by side."""
    eleven = SyntheticFaces(split, FACE11, size, first + rows * columns)
    nineteen = SyntheticFaces(split, FACE19, size, first + rows * columns)
    cell_w, cell_h = 3 * size + GAP, size + GAP
    page = np.full((rows * cell_h + GAP, columns * cell_w + GAP, 3), 255, dtype=np.uint8)
    for number in range(rows * columns):
        index = first + number
        sample = eleven[index]
        masks = (FACE11.colourize(sample.mask), FACE19.colourize(nineteen.masks_at(index, [size])[size]))
        cell = np.concatenate([sample.image, *masks], axis=1)
        top, left = GAP + (number // columns) * cell_h, GAP + (number % columns) * cell_w
        page[top : top + size, left : left + 3 * size] = cell
    return page


def main() -> None:
    """Write the page named on the command line."""
    parser = argparse.ArgumentParser(description="Draw a page of synthetic faces with their masks.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--split", default="val")
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    page = contact_sheet(chosen.rows, chosen.columns, chosen.size, chosen.split, chosen.first)
    unfinished = chosen.out.with_suffix(".part.png")
    Image.fromarray(page).save(unfinished, optimize=True)
    unfinished.replace(chosen.out)


if __name__ == "__main__":
    main()
