"""Files that hold a model: graphs of torch and ONNX, and the weights that trainers save."""
