"""Helen, relabelled with LaPa's eleven classes: ``{train,test}/NAME_image.jpg`` with ``NAME_label.png``.

Le et al., "Interactive Facial Feature Localization", ECCV 2012; labels after Smith et al., CVPR 2013, redone by
Lin et al., "Face Parsing with RoI Tanh-Warping", CVPR 2019 (1,999 training and 100 test pictures). Papers report the
score of the classes in `segdata.groups.OVERALL`, pooled.
"""

from __future__ import annotations

from pathlib import Path

from segdata.dataset import Dataset
from segdata.faces.lapa import LAPA_NAMES
from segdata.labels import FACE11, remap_table
from segdata.paired import PairedFiles, files_by_stem, pair_up, require_folder
from segdata.registry import Request, dataset

LAYOUT = "PATH/{train,test}/NAME_image.jpg with PATH/{train,test}/NAME_label.png"


@dataset("helen", argument="PATH", splits=("train", "test"), summary="Helen relabelled, 11 classes, train and test")
def open_helen(request: Request) -> Dataset:
    """Open one split of Helen.

    Raises:
        DataError: for a missing split (quoting the layout) or a picture without its label map.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    home = root / request.split
    require_folder(home, LAYOUT)
    labels = request.labels or FACE11
    pairs = pair_up(
        files_by_stem(home, ending="_image"),
        files_by_stem(home, (".png",), ending="_label"),
        f"{home} as NAME_image.jpg",
        f"{home} as NAME_label.png",
    )
    table = remap_table(LAPA_NAMES, labels)
    return PairedFiles(request.spec, request.split, labels, pairs, len(LAPA_NAMES), table)
