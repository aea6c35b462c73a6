"""Store every weight as a place in a small table of values."""
