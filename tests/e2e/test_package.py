"""The package: the client runs from it; Studio is in it, and neither tests nor the demo are."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from serve_app import __version__

ROOT = Path(__file__).parents[2]
WITHOUT_AN_INDEX = [
    "--no-deps",
    "--no-index",
    "--no-build-isolation",
    "--disable-pip-version-check",
]


def run(*command, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, because building writes beside the sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    left_out = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for name in ("serve_app", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    run(sys.executable, "-m", "pip", "wheel", source, "-w", out, *WITHOUT_AN_INDEX)
    (built,) = out.glob("*.whl")
    return built


def test_the_pages_are_in_it_and_neither_tests_nor_the_demo(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {name for name in names if ".dist-info/" not in name}
    assert all(name.startswith("serve_app/") for name in ours)
    assert not any(name.startswith(("serve_app/demo", "demo")) for name in ours)
    files = [*(ROOT / "serve_app" / "ingress").rglob("*.*"), ROOT / "serve_app" / "backends.json"]
    expected = {str(file.relative_to(ROOT)) for file in files if file.suffix != ".pyc"}
    assert "serve_app/ingress/studio/page/index.html" in expected <= ours


def test_it_says_what_the_client_and_the_service_need(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    lines = archive.read(name).decode().splitlines()
    assert f"Version: {__version__}" in lines
    needed = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line]
    assert sorted(each.split("<")[0] for each in needed if "extra" not in each) == ["httpx", "tqdm"]
    assert any(each.startswith("torch==") and 'extra == "service"' in each for each in needed)


def test_its_command_runs_and_loads_nothing_of_the_service(wheel, tmp_path):
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", wheel, "--target", site, *WITHOUT_AN_INDEX)
    environment = os.environ | {"PYTHONPATH": str(site)}
    options = {"cwd": tmp_path, "env": environment}
    assert "generate" in run(site / "bin" / "images-client", "--help", **options)
    heavy = "{'ray', 'torch', 'fastapi', 'pydantic', 'numpy'}"
    script = (
        "import sys, serve_app, serve_app.client.__main__\n"
        f"print(serve_app.__file__, sorted({heavy} & set(sys.modules)))"
    )
    printed = run(sys.executable, "-c", script, **options)
    assert printed == f"{site / 'serve_app' / '__init__.py'} []\n"
