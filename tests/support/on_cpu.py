"""The backends that run on any machine."""

ON_CPU = ("openvino", "onnxruntime", "openvino-f32")
