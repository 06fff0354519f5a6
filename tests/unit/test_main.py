"""`python -m serve_app` as a process, as far as it goes without Ray."""

import os
import shlex
import subprocess
import sys

from serve_app.ray_settings import RAY_SETTINGS


def launcher(*given, **variables):
    return subprocess.run(
        [sys.executable, "-m", "serve_app", *given],
        capture_output=True, text=True, timeout=60, env=os.environ | variables,
    )  # fmt: skip


def test_env_can_be_evaluated_and_what_is_exported_wins():
    done = launcher("env", RAY_worker_niceness="7", PYTHONPATH="/with space")
    lines = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
    assert set(lines) == {*RAY_SETTINGS, "PYTHONPATH"}
    assert lines["RAY_worker_niceness"] == "7"
    assert shlex.split(lines["PYTHONPATH"])[0].endswith(":/with space")
    assert done.returncode == 0 and not done.stderr


def test_the_process_in_the_foreground_imports_neither_ray_nor_models():
    program = "import sys, serve_app.__main__; print(sorted({'ray', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
