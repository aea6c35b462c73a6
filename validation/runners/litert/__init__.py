"""LiteRT, the TFLite runtime: its interpreter, its native profiler, its graph and its float16 kernels."""
