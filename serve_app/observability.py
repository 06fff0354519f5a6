"""Logs a person can follow.

Lines go to Serve's own logger, which adds the time, the deployment, the replica and the request id
and shows up in the dashboard. A line is an event and `key=value` fields. Neither image data nor
prompts get in.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

_logger = logging.getLogger("ray.serve")


def log_event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log one line: `event key=value …`; fields that are None are left out.

    At level ERROR the traceback of the exception that is being handled follows.
    """
    if not _logger.isEnabledFor(level):
        return
    words = [f"{key}={_word(value)}" for key, value in fields.items() if value is not None]
    _logger.log(level, " ".join([event, *words]), exc_info=level >= logging.ERROR)


@contextmanager
def logged_step(event: str, stage: str, **fields: object) -> Iterator[None]:
    """Log that a step of a stage's set-up begins, with what and why, and how long it took."""
    log_event(f"{event} begins", stage=stage, **fields)
    started = time.perf_counter()
    yield
    log_event(f"{event} done", stage=stage, seconds=time.perf_counter() - started)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text.isprintable() and not any(char in ' ="' for char in text)
    return text if plain else json.dumps(text)  # a hostile path cannot forge a line
