"""Faces: drawn ones (`synthetic`) and readers of the published data sets."""
