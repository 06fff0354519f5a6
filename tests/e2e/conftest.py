"""The served demo: `python -m serve_app` as a user starts it, once for the whole run."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.e2e.chromium import answering_before, browser, page

__all__ = ["answering_before", "browser", "page"]  # fixtures

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 180
GRPC = """
grpc_options:
  port: {port}
  grpc_servicer_functions:
    - serve_app.ingress.open_inference.rpc_proxy.add_inference_service
"""
WEBHOOK_SECRET = "whsec_" + "A" * 32
WRITE_TIMEOUT_S = 10  # so that a test need not wait a minute


class Service:
    """The running service: its address, its log, its processes."""

    def __init__(self, url: str, log: Path, process: subprocess.Popen, started_s: float) -> None:
        self.url = url
        self.started_s = started_s
        self.grpc_address: str | None = None
        self._log = log
        self.process = process

    def post(self, path: str, **options) -> requests.Response:
        return requests.post(self.url + path, timeout=120, **options)

    def get(self, path: str, **options) -> requests.Response:
        return requests.get(self.url + path, timeout=30, **options)

    def log_text(self) -> str:
        return self._log.read_text(errors="replace")

    def batch_sizes(self, stage: str, since: int = 0) -> list[int]:
        """From the log: responses do not tell (`loadtest/batches.py`)."""
        line = "denoised .*batch_size" if stage == "generate" else f"batch stage={stage} size"
        pattern = rf"{line}=(\d+)"
        return [int(size) for size in re.findall(pattern, self.log_text()[since:])]

    def processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def replica(self, deployment: str) -> psutil.Process:
        name = f"ServeReplica:images:{deployment}"
        return next(p for p in self.processes() if name in " ".join(p.cmdline()))

    @property
    def scrape_targets(self) -> Path:
        """Where Ray writes the addresses of this cluster's metrics: the link in its temporary
        folder is that of whichever started last."""
        commands = [part for process in self.processes() for part in process.cmdline()]
        folder = next(part for part in commands if part.startswith("--session-dir="))
        return Path(folder.partition("=")[2]) / "prom_metrics_service_discovery.json"

    def await_healthy(self, limit_s: float = 90) -> None:
        await_true(lambda: self.get("/health").status_code == 200, limit_s)


def await_true(condition, limit_s: float) -> None:
    """Poll until a condition holds; a refused connection counts as not yet."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {limit_s} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(folder: Path, *arguments: str | Path, **variables: str) -> Iterator[Service]:
    """`python -m serve_app` at a free port, as a user starts it; ended if it has not ended."""
    port = free_port()
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serve_app", "--port", str(port), *arguments],
            cwd=ROOT,
            env=os.environ | variables,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Service(f"http://127.0.0.1:{port}", log, process, 0.0)
    try:
        yield running
    finally:
        if process.poll() is None:
            ours = running.processes()
            process.send_signal(signal.SIGINT)
            _, left = psutil.wait_procs(ours, timeout=60)
            for leftover in left:
                leftover.kill()
            process.wait()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    config = (ROOT / "serve_config.yaml").read_text()
    patience = f"      limits:\n        write_timeout_s: {WRITE_TIMEOUT_S}\n"
    hooks = '      jobs: {webhook_hosts: ["127.0.0.1"], webhook_secret_variable: WEBHOOK_SECRET}\n'
    config = config.replace("      limits:\n", patience)
    config = re.sub("^      jobs: {}.*\n", hooks, config, flags=re.MULTILINE)
    grpc_port = free_port()
    config += GRPC.format(port=grpc_port)
    (folder / "config.yaml").write_text(config)
    began = time.monotonic()
    often = {"RAY_metrics_report_interval_ms": "1000"}  # so that a test need not wait for ten
    variables = often | {"WEBHOOK_SECRET": WEBHOOK_SECRET}
    with started(folder, folder / "config.yaml", **variables) as running:
        running.await_healthy(START_LIMIT_S)
        running.started_s = time.monotonic() - began
        running.grpc_address = f"127.0.0.1:{grpc_port}"
        yield running
