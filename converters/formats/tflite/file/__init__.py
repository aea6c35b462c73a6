"""Reading a .tflite file without running it, and joining several to one."""
