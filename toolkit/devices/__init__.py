"""Measure on other machines: `measure.py` is packed into a bundle and runs there without segport."""
