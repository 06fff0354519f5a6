"""The README's commands, as pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images import size_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CURLS = [block for block in BLOCKS if "curl" in block or "serve_app.client" in block]


@pytest.mark.parametrize("block", CURLS, ids=lambda block: block.split("\n")[0][:60])
def test_a_pasted_command_works(service, block, tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    script = block.replace("http://127.0.0.1:8000", service.url).replace("curl -s", "curl -sSf")
    script = re.sub(r"serve_app.client (\w+)", rf"serve_app.client \1 --url {service.url}", script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for picture in [*tmp_path.glob("*.png"), *tmp_path.glob("*.jpg")]:
        size_of(picture)
    assert done.stdout.strip() or list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.split("\n")[0][:60])
def test_a_pasted_program_works(service, block, tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    program = block.replace("http://127.0.0.1:8000", service.url)
    program = program.replace("127.0.0.1:8000", service.url.removeprefix("http://"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_public_route_has_a_line(service):
    text = "".join(CURLS)
    for path in service.get("/openapi.json").json()["paths"]:
        if path.startswith("/v2"):  # for clients of the protocol, not for hands
            continue
        assert f"8000{path}" in text, path
