"""What travels to another machine: `measure.py` is packed into a bundle and runs there without segport."""
