"""Reading a saved Core ML package into a program."""
