"""The arguments of `python -m serve_app`."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """`config`, `host`, `port` and `drain_seconds`; all but the first may be None.

    Ends the process with a message and code 2 where they are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m serve_app",
        description="Serve a configuration on a Ray cluster of its own, until SIGTERM or SIGINT.",
        epilog="`python -m serve_app env` prints Ray's variables for `ray start` and "
        '`serve deploy`: eval "$(python -m serve_app env)"',
    )
    parser.add_argument("config", nargs="?", type=Path, default=Path("serve_config.yaml"))
    parser.add_argument("--host", help="the address to listen at, in the place of the file's")
    parser.add_argument("--port", type=int, help="in the place of the file's")
    parser.add_argument(
        "--drain-seconds",
        type=_seconds,
        metavar="S",
        help="how long requests in progress may go on when it is to stop; as long as any request "
        "may take where left out (limits.request_timeout_s)",
    )
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError("seconds are 0 or more")
    return seconds
