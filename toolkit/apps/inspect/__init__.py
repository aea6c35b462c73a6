"""`segport inspect`: what is inside an artifact."""
