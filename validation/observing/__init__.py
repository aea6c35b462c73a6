"""Looking inside a run: value ranges, and where two computations depart."""
