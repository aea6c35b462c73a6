"""Judging: comparison with the reference, intervals, gates and the verdict."""
