"""Counting pixels: confusion matrices, boundaries and margins over a dataset."""
