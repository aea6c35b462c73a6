"""Find pictures and masks in a folder and bring them together."""
