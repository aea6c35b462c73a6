"""Readers of the formats in which anybody keeps pictures and masks."""
