"""LaPa as published: ``{train,val,test}/{images,labels,landmarks}``, eleven classes.

Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", AAAI 2020.
"""

from __future__ import annotations

from pathlib import Path

from segdata.dataset import Dataset
from segdata.labels import FACE11, remap_table
from segdata.paired import PairedFiles, files_by_stem, pair_up, require_folder
from segdata.registry import Request, dataset

LAPA_NAMES = (
    "background",
    "skin",
    "left_brow",
    "right_brow",
    "left_eye",
    "right_eye",
    "nose",
    "upper_lip",
    "inner_mouth",
    "lower_lip",
    "hair",
)
"""Classes in the order of the ids in LaPa's label files."""

LAYOUT = "PATH/{train,val,test}/images/NAME.jpg with PATH/{train,val,test}/labels/NAME.png"


@dataset("lapa", argument="PATH", summary="LaPa, 11 classes, as unpacked from its archive")
def open_lapa(request: Request) -> Dataset:
    """Open one split of LaPa; landmarks are not read and may be missing.

    Raises:
        DataError: for a missing or half-unpacked split (quoting the layout), or a picture without its label map.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    home = root / request.split
    for part in (home, home / "images", home / "labels"):
        require_folder(part, LAYOUT)
    labels = request.labels or FACE11
    pairs = pair_up(
        files_by_stem(home / "images"),
        files_by_stem(home / "labels", (".png",)),
        str(home / "images"),
        str(home / "labels"),
    )
    table = remap_table(LAPA_NAMES, labels)
    return PairedFiles(request.spec, request.split, labels, pairs, len(LAPA_NAMES), table)
