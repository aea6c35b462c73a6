"""Procedural photographs of faces with exact masks, in 11 and in 19 classes."""

from segdata.faces.synthetic.drawing import GENERATOR_VERSION, draw_face, masks_at
from segdata.faces.synthetic.faces import SyntheticFaces

__all__ = ["GENERATOR_VERSION", "SyntheticFaces", "draw_face", "masks_at"]
