"""The load generator shares its machine with the service, so it stays light and knows only HTTP."""

import subprocess
import sys

HEAVY = ("torch", "ray", "diffusers", "transformers", "serve_app")


def test_the_load_generator_loads_no_models():
    commands = (
        "loadtest.__main__, loadtest.autoscaling, loadtest.drills, loadtest.soak, "
        "loadtest.hostile.__main__"
    )
    program = f"import sys, {commands}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "aiohttp" in loaded
    assert not loaded.intersection(HEAVY)
