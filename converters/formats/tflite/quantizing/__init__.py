"""From a float .tflite to an integer one: ranges, repairs, rounding, and the quantizers."""
