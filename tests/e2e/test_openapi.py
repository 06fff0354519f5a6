"""The OpenAPI document is true: schemathesis sends what it allows and what it does not, and reads
what comes back.

`OPENAPI_CASES` is how many cases an operation gets, `OPENAPI_PATHS` a pattern of those asked, and
`OPENAPI_URL` a service that runs already.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

CASES = os.environ.get("OPENAPI_CASES", "12")
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


def test_answers_keep_to_the_document(request, tmp_path):
    running = None if "OPENAPI_URL" in os.environ else request.getfixturevalue("service")
    url = running.url if running else os.environ["OPENAPI_URL"]
    done = subprocess.run(
        [
            Path(sys.executable).parent / "st", "--config-file", configured(tmp_path),
            "run", f"{url}/openapi.json", "--include-path-regex", PATHS,
            "--phases", "examples,coverage,fuzzing", "--max-examples", CASES,
            "--seed", "1", "--request-timeout", "60", "--generation-database", "none",
            "--continue-on-failure",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=30 * int(CASES) + 240,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search("Fuzzing", done.stdout) and re.search("Examples", done.stdout)
    if running:
        running.await_healthy()
