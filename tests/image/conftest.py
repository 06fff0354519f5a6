"""The container image, built and run by Docker or by Podman; skipped where there is neither."""

import json
import os
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.e2e.conftest import ROOT, START_LIMIT_S, Service, await_true, free_port

STOP_S = 150  # as the docs have it


class Container(Service):
    """A running container; its process is the engine's client, which ends with its exit code."""

    def __init__(self, engine: str, name: str, *service: object) -> None:
        super().__init__(*service)
        self._engine, self._name = engine, name

    def await_healthy(self, limit_s: float = START_LIMIT_S) -> None:
        def healthy() -> bool:
            if self.process.poll() is not None:
                pytest.fail(f"it ended with {self.process.returncode}: {self.log_text()}")
            return self.get("/health").status_code == 200

        began = time.monotonic()
        await_true(healthy, limit_s)
        self.started_s = time.monotonic() - began
        print(f"  healthy after {self.started_s:.0f} s")

    def post(self, path: str, **options) -> requests.Response:
        began = time.monotonic()
        response = super().post(path, **options)
        print(f"  POST {path}: {response.status_code} in {time.monotonic() - began:.1f} s")
        return response

    def execute(self, *command: str) -> subprocess.CompletedProcess:
        """A command inside, as the service's own user."""
        return run(self._engine, "exec", self._name, *command)

    def changed_files(self) -> list[str]:
        """Paths that this container has and the image has not, or others than it."""
        return [
            line.split()[1] for line in run(self._engine, "diff", self._name).stdout.splitlines()
        ]

    def stop(self) -> None:
        """Begin to stop it; its process ends when it has."""
        stopping = [self._engine, "stop", "-t", str(STOP_S), self._name]
        threading.Thread(target=run, args=stopping).start()


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True)


def flags(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


@pytest.fixture(scope="session")
def engine() -> str:
    for name in ("docker", "podman"):
        if shutil.which(name) and run(name, "info").returncode == 0:
            return name
    pytest.skip("no image is built: neither Docker nor Podman runs on this machine")


@pytest.fixture(scope="session")
def image(engine) -> str:
    # By default Podman writes a format that knows no health checks.
    form = ["--format", "docker"] if engine == "podman" else []
    began = time.monotonic()
    command = [
        engine,
        "build",
        *form,
        *flags("IMAGE_TEST_BUILD_FLAGS"),
        "--tag",
        "images-test",
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    seconds = time.monotonic() - began
    size = int(run(engine, "image", "inspect", "--format", "{{.Size}}", "images-test").stdout)
    print(f"  built in {seconds:.0f} s: {size / 1e9:.2f} GB")
    return "images-test"


@pytest.fixture(scope="session")
def health_check(engine, image) -> list[str]:
    """The image's own, as a command to run inside a container."""
    (inspected,) = json.loads(run(engine, "image", "inspect", image).stdout)
    check = inspected["Config"].get("Healthcheck") or inspected["Healthcheck"]
    kind, *command = check["Test"]
    assert kind == "CMD"
    return command


@pytest.fixture(scope="session")
def started(engine, image, tmp_path_factory):
    """Starts a container, `with started(OPTION, …)`, and removes it in the end."""

    @contextmanager
    def start(*options: str) -> Iterator[Container]:
        port = free_port()
        name, log = f"images-test-{port}", tmp_path_factory.mktemp("container") / "log"
        given = [*flags("IMAGE_TEST_RUN_FLAGS"), "--shm-size", "64m", *options]
        address = f"127.0.0.1:{port}"
        with log.open("w") as out:
            process = subprocess.Popen(
                [engine, "run", "--name", name, "--publish", f"{address}:8000", *given, image],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            container = Container(engine, name, f"http://{address}", log, process, 0.0)
            container.await_healthy()
            yield container
        finally:
            run(engine, "rm", "--force", "--volumes", name)
            process.wait(60)

    return start
