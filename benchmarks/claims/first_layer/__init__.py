"""FP-LIIF's first pixel layer in every exact form."""
