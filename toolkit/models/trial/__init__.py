"""Trying a network on pictures before anything is converted: its answer, and whatever no fixed graph can do."""
