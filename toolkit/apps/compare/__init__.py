"""Do `segport compare`: say what changed from one run to another."""
