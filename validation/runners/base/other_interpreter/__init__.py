"""Runtimes that cannot live in segport's own environment: each gets a small one of its own and runs as a subprocess."""
