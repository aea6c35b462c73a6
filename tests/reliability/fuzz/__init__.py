"""Damaged files of every kind that segport reads, through the ways people give them to it."""
