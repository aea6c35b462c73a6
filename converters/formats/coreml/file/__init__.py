"""Reading and writing .mlpackage folders."""
