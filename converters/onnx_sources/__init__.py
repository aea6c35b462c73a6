"""ONNX files as sources: `reading` them, bringing them into the form that every converter accepts (`adapter`, with
`nodes`), saying them in an older opset (`opsets`), and making torch modules of them (`torch_import`)."""
