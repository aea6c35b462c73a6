"""Do `segport inspect`: show what is inside an artifact."""
