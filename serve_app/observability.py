"""Logs a person can follow.

Lines go to Serve's own logger, which adds the time, the deployment, the replica and the request id
and shows up in the dashboard. A line is an event and `key=value` fields; where Serve writes JSON
(`logging_config.encoding`), each of these is a key of its own too. Neither image data nor prompts
get in.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from serve_app.tracing import trace_id

_logger = logging.getLogger("ray.serve")


def log_event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log one line: `event key=value …`; fields that are None are left out. They may not have names
    of `logging.LogRecord`'s own attributes, nor those that Serve gives a line.

    At level ERROR the traceback of the exception that is being handled follows. In a traced
    request, the trace's id is the last field.
    """
    if not _logger.isEnabledFor(level):
        return
    given = {key: value for key, value in fields.items() if value is not None}
    words = [f"{key}={_word(value)}" for key, value in given.items()]
    if traced := trace_id():
        words.append(f"trace_id={traced}")
    keys = {"event": event} | {key: _json_value(value) for key, value in given.items()}
    error = level >= logging.ERROR
    _logger.log(level, " ".join([event, *words]), exc_info=error, extra=keys)


@contextmanager
def logged_step(event: str, stage: str, **fields: object) -> Iterator[None]:
    """Log that a step of a stage's set-up begins, with what and why, and how long it took."""
    log_event(f"{event} begins", stage=stage, **fields)
    started = time.perf_counter()
    yield
    log_event(f"{event} done", stage=stage, seconds=time.perf_counter() - started)


def _json_value(value: object) -> object:
    return value if isinstance(value, str | int | float) else str(value)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text.isprintable() and not any(char in ' ="' for char in text)
    return text if plain else json.dumps(text)  # a hostile path cannot forge a line
