"""From packed recordings to `speech.onnx`; never shipped."""
