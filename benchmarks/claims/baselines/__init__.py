"""Two public designs of the same size, trained as FP-LIIF is, with their weights."""
