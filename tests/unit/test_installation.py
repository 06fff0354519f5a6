"""What is said by a Python without the service's packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from serve_app import installation

ROOT = Path(__file__).parents[2]


def test_what_is_there_is_not_spoken_of():
    assert installation.require("json", "serve_app") is None


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Makefile").touch()
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "serve_app.jobs.generate", "a b"])
    return tmp_path


def test_without_an_environment_it_is_to_be_made(project):
    python = project / ".venv" / "bin" / "python"
    assert installation.advice(project) == (
        f"run `make -C {project} install`, then {python} -m serve_app.jobs.generate 'a b'"
    )


def test_the_environment_that_is_there_is_to_be_used(project, monkeypatch):
    (project / ".venv").mkdir()
    assert installation.advice(project).startswith("the project's environment has: ")
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    assert "make" in installation.advice(project), "it lacks something"


def test_a_package_names_its_extra(tmp_path):
    assert "pip install 'ray-serve-images[service]'" in installation.advice(tmp_path)


@pytest.mark.parametrize(
    "module", ["serve_app", "serve_app.jobs.generate", "serve_app.jobs.images"]
)
def test_commands_outside_of_the_environment_say_what_to_do(module):
    """By this Python without its packages: `-S` leaves them out."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", module, "--prompt", "x"][: None if "." in module else 4],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert " has no " in done.stderr and f"-m {module}" in done.stderr
