"""The OpenAPI document is true: schemathesis sends what it allows and what it does not, and reads
what comes back.

`OPENAPI_CASES` is how many cases an operation gets, a quarter of them from the served demo, which
takes its time; `OPENAPI_PATHS` is a pattern of those asked.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from tests.e2e.conftest import await_true, free_port
from tests.service import Service as StandIns

CASES = int(os.environ.get("OPENAPI_CASES", "12"))
PATHS = os.environ.get("OPENAPI_PATHS", "^/")
# All checks but these, and why.
NEVER = {
    "positive_data_acceptance": "what keeps to the schema may ask for something impossible: a size "
    "over the limits, base64 of no picture, random bytes as an image, tensors of another model",
}
# And of some operations, by a pattern of their paths.
EXCEPTIONS = {
    "negative_data_rejection": {
        "^/v1/images/(edits|variations)": "in a form everything is text: a 1 may be a boolean",
        "^/(sdapi|controlnet)/": "as lenient as web UI is: false may be a 0, a number text",
    },
}


def configured(folder: Path) -> Path:
    """Schemathesis' own file for these exceptions."""
    lines = [f"checks.{check}.enabled = false" for check in NEVER]
    for check, patterns in EXCEPTIONS.items():
        for pattern in patterns:
            lines += ["[[operations]]", f"include-path-regex = '{pattern}'"]
            lines += [f"checks.{check}.enabled = false", ""]
    path = folder / "schemathesis.toml"
    path.write_text("\n".join(lines))
    return path


def ask(url: str, folder: Path, phases: str, cases: int) -> None:
    done = subprocess.run(
        [
            Path(sys.executable).parent / "st", "--config-file", configured(folder),
            "run", f"{url}/openapi.json", "--include-path-regex", PATHS,
            "--phases", phases, "--max-examples", str(cases),
            "--seed", "1", "--request-timeout", "60", "--generation-database", "none",
            "--continue-on-failure",
        ],
        cwd=folder, capture_output=True, text=True, timeout=30 * cases + 240,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Fuzzing" in done.stdout and "Examples" in done.stdout


class WithRequestId:
    """ASGI middleware: what Serve adds to each answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_named(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", b"1")]
            await send(message)

        await self.app(scope, receive, send_named)


@pytest.fixture
def stand_ins():
    """The address of the whole API over stages that answer at once."""
    port = free_port()
    api = StandIns({"webui": True, "jobs": {}, "files": {}}).api
    config = uvicorn.Config(WithRequestId(api), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    await_true(lambda: server.started, 30)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_answers_keep_to_the_document_whatever_is_sent(stand_ins, tmp_path):
    """Each value at the edge of what a field may be, too: thousands of requests."""
    ask(stand_ins, tmp_path, "examples,coverage,fuzzing", CASES)


def test_the_served_demos_answers_keep_to_it(service, tmp_path):
    ask(service.url, tmp_path, "examples,fuzzing", max(1, CASES // 4))
    service.await_healthy()
