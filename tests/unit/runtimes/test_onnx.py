"""ONNX Runtime, without a network; with one: tests/integration."""

from serve_app.model_config import PROJECT_ROOT


def test_onnx_runtime_is_told_to_report_nothing():
    """Otherwise it keeps a device id under the home. It asks once, when it is imported."""
    text = (PROJECT_ROOT / "serve_app" / "runtimes" / "onnx.py").read_text()
    assert text.index("ORT_DISABLE_TELEMETRY") < text.index("import onnxruntime")
