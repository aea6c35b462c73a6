"""Outlines, polygons and noise: the tools that painting and masks share."""
