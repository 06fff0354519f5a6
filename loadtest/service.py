"""Starts the service from a Serve YAML, as its user would, and ends it."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

_ROOT = Path(__file__).parents[1]
_START_S = 180.0
_STOP_S = 90.0


@contextmanager
def served(config: Path, log: Path, start_s: float = _START_S) -> Iterator[str]:
    """As `running`, of this checkout and at the configuration's port; gives the URL."""
    url = url_of(yaml.safe_load(config.read_text()))
    with running(config, log, url, start_s=start_s):
        yield url


@contextmanager
def running(
    config: Path,
    log: Path,
    url: str,
    variables: Mapping[str, str] | None = None,
    checkout: Path = _ROOT,
    start_s: float = _START_S,
) -> Iterator[psutil.Process]:
    """`python -m serve_app` for as long as the block runs; gives its process once every stage is
    up. `variables` are added to the environment.

    Raises RuntimeError where it is not up within `start_s`, or something else answers at its port.
    """
    if _healthy(url):
        raise RuntimeError(f"a service is running at {url} already")
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serve_app", config.resolve(), "--port", url.split(":")[-1]],
            cwd=checkout,
            env={**os.environ, **(variables or {})},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + start_s
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start; see {log}")
            time.sleep(0.5)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()  # what it started notices, and ends


def url_of(config: dict[str, Any]) -> str:
    """Where a Serve YAML's service answers on this machine."""
    return f"http://127.0.0.1:{config.get('http_options', {}).get('port', 8000)}"


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
