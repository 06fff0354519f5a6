"""`python -m serve_app [CONFIG]`: serve until SIGTERM or SIGINT; `env`: print Ray's variables.

This process waits and passes signals on. It imports neither Ray nor models, and Ray reads its
variables from the environment that is prepared here.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

from serve_app.installation import require
from serve_app.launcher import CannotStart, arguments, say
from serve_app.launcher.places import writable_places
from serve_app.launcher.traces import check_traces
from serve_app.ray_settings import environment

_ONE_PRESS_S = 1.0  # a signal to a group may come twice, from the kernel and from `make`


def main() -> int:
    """The exit code."""
    variables = environment(os.environ)
    if sys.argv[1:] == ["env"]:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    arguments.parse()  # here too, so that a mistake is told at once
    require("ray", "torch")
    try:
        check_traces(variables | os.environ)
        with writable_places(os.environ | variables) as places:
            return _run(os.environ | variables | places)
    except CannotStart as refusal:
        say(refusal)
        return refusal.exit_code


def _run(variables: dict[str, str]) -> int:
    """Serve in a process of its own until a signal; a second signal ends it at once."""
    serving: subprocess.Popen[bytes] | None = None
    asked_at: float | None = None

    def on_signal(number: int, frame: object) -> None:
        nonlocal asked_at
        if serving is None or serving.stdin is None:
            sys.exit(128 + number)
        if asked_at is None:
            asked_at = time.monotonic()
            serving.stdin.close()
        elif time.monotonic() - asked_at > _ONE_PRESS_S:
            os.killpg(serving.pid, signal.SIGKILL)  # Ray's workers end with its daemons

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    serving = subprocess.Popen(
        [sys.executable, "-m", "serve_app.launcher.serving", *sys.argv[1:]],
        stdin=subprocess.PIPE,  # it stops when this is closed, also where this process is killed
        env=variables,
        start_new_session=True,
    )
    code = serving.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
