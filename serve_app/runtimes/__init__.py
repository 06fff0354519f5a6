"""Weights plus placement behind a plain call. No Ray, no HTTP."""

import os

# Otherwise ONNX Runtime writes a device id under the home, and reports. It asks once, when it is
# imported, which diffusers does too where it loads a pipeline.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
