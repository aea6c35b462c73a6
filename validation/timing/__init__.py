"""Measuring time: sampling in turns, settling, other load, fresh processes."""
