"""Fewer bits for Core ML: activations, weights, palettes, and what keeps its type."""
