"""Running .tflite files on an Android phone.

Adb's protocol, the phone's side of it, and what `benchmark_model` prints.
"""
