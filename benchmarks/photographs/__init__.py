"""Measure the shipped checkpoints on photographs with hand-made labels, in floats and as phones get them.

The photographs are not part of this repository. Any folder with `images/`, `masks/` and a `classes.txt` of the seven
names in `merging.CLASSES` will do; the figures of the page are of FASSEG (Khan, Mauro and Leonardi, "Multi-class
semantic segmentation of faces", ICIP 2015; Benini et al., "FASSEG: A FAce semantic SEGmentation repository", Data in
Brief 2019).
"""
