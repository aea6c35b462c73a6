"""The float32 .tflite that every other recipe starts from: two routes to it, and what is then taken out."""
