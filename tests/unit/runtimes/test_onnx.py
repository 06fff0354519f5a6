"""ONNX Runtime, without a network; with one: tests/integration."""

import os
import subprocess
import sys

from serve_app.model_config import PROJECT_ROOT


def test_onnx_runtime_is_told_to_report_nothing():
    """Otherwise it keeps a device id under the home. It asks once, whoever imports it first."""
    see = "import os, sys, serve_app.runtimes as _; print('onnxruntime' in sys.modules, os.environ)"
    given = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", see], cwd=PROJECT_ROOT, env=given, capture_output=True, text=True
    )
    assert done.stdout.startswith("False") and "'ORT_DISABLE_TELEMETRY': '1'" in done.stdout
