"""The OpenAPI document is true: schemathesis sends what it allows, and reads what comes back."""

import subprocess
import sys
from pathlib import Path

# Not those on what must be accepted or refused: random bytes are a valid body and no image, and in
# a form everything is text.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


def test_answers_keep_to_the_document(service, tmp_path):
    done = subprocess.run(
        [
            Path(sys.executable).parent / "st", "run", f"{service.url}/openapi.json",
            "--phases", "examples,fuzzing", "--max-examples", "12", "--checks", CHECKS,
            "--seed", "1", "--request-timeout", "60", "--generation-database", "none",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Fuzzing" in done.stdout and "Examples" in done.stdout
    service.await_healthy()
