"""Comparisons with public peers, in one run each, as ratios. Nothing here is asserted: machines differ."""
