"""What `python -m serve_app` does between its start and the service's end.

`serve_app/__main__.py` stays in the foreground and imports neither Ray nor models; it starts
`serving` in a session of its own, which reads the configuration, starts Ray and stops it again.
"""

import sys


class CannotStart(Exception):
    """A problem the user has to fix before the service can start. The message says what, in one
    line."""

    exit_code = 1


def say(message: object) -> None:
    """One line to the user."""
    print(f"serve_app: {message}", file=sys.stderr, flush=True)
