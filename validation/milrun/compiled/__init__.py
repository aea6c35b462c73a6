"""A program made ready to run: steps over registers, and the state that outlives a prediction."""
