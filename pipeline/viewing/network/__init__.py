"""A network as films and arrays are given to it, in torch or as ONNX."""
