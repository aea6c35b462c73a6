"""From a scene to its mask: regions in paint order, later over earlier, each pixel by its centre.

Decisions where the published sets leave room:

* Left and right are the viewer's (the left half of an upright face's picture).
* FACE11 follows Helen's wording, "face skin (excluding ears and neck)": ears, neck, clothes, hats and jewellery are
  background there. Glass and frames keep the class of what they cover.
* FACE19 paints glasses before eyes and brows, as CelebAMask-HQ does: lens and frame are ``eye_g``, the eye seen through
  clear or tinted glass stays an eye. Behind a lens too dark to see through there is no eye in either set.
* A shut eye has no eye pixels; lids and lashes are skin. A beard, freckles and shadows are skin as well.
* Hands and objects in front of the face are background in both sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError
from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.shapes.raster import Points, inside
from segdata.labels import FACE11, FACE19, LabelSet

FACE11_NAMES: dict[str, str | None] = {
    "background": "background",
    "skin": "skin",
    "nose": "nose",
    "eye_g": None,
    "l_eye": "left_eye",
    "r_eye": "right_eye",
    "l_brow": "left_brow",
    "r_brow": "right_brow",
    "l_ear": "background",
    "r_ear": "background",
    "mouth": "inner_mouth",
    "u_lip": "upper_lip",
    "l_lip": "lower_lip",
    "hair": "hair",
    "hat": "background",
    "ear_r": "background",
    "neck_l": "background",
    "neck": "background",
    "cloth": "background",
}
"""FACE19 class -> FACE11 class; None leaves what lies beneath."""


class Region(NamedTuple):
    """One outline and its FACE19 class; `on_head` keeps it within the head's outline."""

    part: str
    outline: Points
    on_head: bool = False


def regions(scene: Scene) -> Iterator[Region]:
    """Every labelled region of the scene in paint order."""
    yield from (Region("hair", sheet) for sheet in scene.hair.behind)
    yield Region("neck", scene.body.neck)
    if scene.body.necklace is not None:
        yield Region("neck_l", scene.body.necklace)
    yield Region("cloth", scene.body.cloth)
    if scene.body.collar is not None:
        yield Region("cloth", scene.body.collar)
    ears = list(zip(("l_ear", "r_ear"), scene.ears, strict=True))
    yield from (Region(part, ear.outline) for part, ear in ears if not ear.near)
    yield Region("skin", scene.head)
    yield from _face(scene)
    yield from (Region("hair", sheet) for sheet in scene.hair.cap)
    yield from (Region(part, ear.outline) for part, ear in ears if ear.near)
    yield from (Region("ear_r", ring) for ring in scene.extras.earrings)
    yield from (Region("hair", sheet) for sheet in scene.hair.locks)
    if scene.extras.hat is not None:
        yield Region("hat", scene.extras.hat.crown)
        if scene.extras.hat.brim is not None:
            yield Region("hat", scene.extras.hat.brim)
    yield from (Region("background", finger) for finger in scene.extras.hand)
    if scene.extras.thing is not None:
        yield Region("background", scene.extras.thing)


def _face(scene: Scene) -> Iterator[Region]:
    yield Region("nose", scene.nose.region)
    brows = [Region(part, brow, True) for part, brow in zip(("l_brow", "r_brow"), scene.brows, strict=True)]
    eyes = [
        Region(part, eye.opening, True)
        for part, eye in zip(("l_eye", "r_eye"), scene.eyes, strict=True)
        if eye.opening is not None
    ]
    worn = scene.extras.glasses
    glass = [] if worn is None else [Region("eye_g", part) for part in (*worn.lenses, *worn.frame)]
    yield from [*brows, *glass] if scene.extras.eyes_hidden else [*glass, *eyes, *brows]
    yield Region("u_lip", scene.mouth.upper, True)
    yield Region("l_lip", scene.mouth.lower, True)
    if scene.mouth.inner is not None:
        yield Region("mouth", scene.mouth.inner, True)


def class_table(labels: LabelSet) -> dict[str, int | None]:
    """FACE19 part -> class id in `labels`; None where the part leaves no mark.

    Raises:
        DataError: if `labels` is neither FACE11 nor FACE19.
    """
    if labels == FACE19:
        return {name: index for index, name in enumerate(FACE19.names)}
    if labels == FACE11:
        return {part: None if name is None else FACE11.index(name) for part, name in FACE11_NAMES.items()}
    raise DataError(f"synthetic faces are drawn with labels face11 or face19, not {labels.name!r}; choose one of those")


def draw_mask(scene: Scene, size: int, labels: LabelSet) -> NDArray[np.uint8]:
    """uint8 class ids (size, size) of the scene."""
    table = class_table(labels)
    mask = np.zeros((size, size), dtype=np.uint8)
    head = np.zeros((size, size), dtype=np.bool_)
    window, values = inside(scene.head, size)
    head[window] = values
    for region in regions(scene):
        class_id = table[region.part]
        if class_id is None:
            continue
        window, values = inside(region.outline, size)
        if region.on_head:
            values = values & head[window]
        mask[window][values] = class_id
    return mask
