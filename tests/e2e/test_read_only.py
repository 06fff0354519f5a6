"""Where nothing can be written under the home, a stage starts all the same."""

import os
import subprocess
import sys

from serve_app.model_config import PROJECT_ROOT

START = """
import numpy as np
from serve_app.model_config import CaptionerModel
from serve_app.runtimes.captioner import CaptionerRuntime
path = "demo/weights/captioner"
model = CaptionerModel(path=path, backend="onnxruntime-int8", unproven_backend=True)
runtime = CaptionerRuntime(model)
print(runtime.caption(runtime.preprocess([np.zeros((64, 64, 3), np.uint8)])))
"""


def test_a_stage_starts_without_a_home_and_then_without_any_place(tmp_path):
    settings = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"}
    settings |= {"HOME": "/proc/nonexistent", "TMPDIR": str(tmp_path)}
    temporary = tmp_path / f"image-server-{os.getuid()}"
    for line in (str(temporary), "eagerly"):
        done = subprocess.run(
            [sys.executable, "-c", START], cwd=PROJECT_ROOT, env=settings, text=True,
            capture_output=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "XDG_CACHE_HOME" in done.stderr and line in done.stderr
        assert done.stdout.startswith("['")
        temporary.chmod(0o777)  # others may write there, so the next start does not trust it
    assert "Failed to persist" not in done.stderr
