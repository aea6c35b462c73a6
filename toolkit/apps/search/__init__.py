"""Do `segport search`: find which layers must stay floating point for every class to keep its limit, and at what
cost."""
