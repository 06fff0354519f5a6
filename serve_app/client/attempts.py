"""The retry policy. It only decides; its caller sends and sleeps."""

import math
import random
from dataclasses import replace

import httpx

from serve_app.client import answers
from serve_app.client.calls import Call
from serve_app.client.errors import Unreachable

_BUSY = (429, 503)
_LOST = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
_PAUSE_S = 1.0


class Attempts:
    """One call's attempts: at most `retries` more, and at most `max_wait_s` of waiting in all.

    `call` is what to send next. Its `deadline_ms` is reduced by the time spent waiting, since the
    caller's deadline runs from the first attempt.
    """

    def __init__(self, call: Call, retries: int, max_wait_s: float) -> None:
        self.call = call
        self._retries = retries
        self._wait_left_s = max_wait_s
        self._waits = 0
        self._lost_before = False

    def after_refusal(self, response: httpx.Response) -> float:
        """Seconds to wait before the next attempt. Raises Refused where there is to be none."""
        refused = answers.refusal(response)
        if response.status_code not in _BUSY:
            raise refused
        wait_s = self._wait_s(_retry_after_s(response))
        if wait_s is None:
            raise refused
        return wait_s

    def after_failure(self, error: httpx.RequestError) -> float:
        """As `after_refusal`, when no response came: a lost connection is retried once. Raises
        Unreachable.

        That is safe: an image is a function of its request, whose seed is in it.
        """
        wait_s = None
        if isinstance(error, _LOST) and not self._lost_before:
            self._lost_before = True
            wait_s = self._wait_s(_PAUSE_S)
        if wait_s is None:
            raise unreachable(error) from error
        return wait_s

    def _wait_s(self, asked_s: float) -> float | None:
        # Never sooner than asked, later each time, and spread: clients that were refused together
        # should not return together, nor use up their retries while the queue stays full.
        wait_s: float = max(asked_s, _PAUSE_S * 2**self._waits) * random.uniform(1.0, 1.25)
        if self._waits == self._retries or wait_s > self._wait_left_s:
            return None
        deadline_ms = self.call.fields.get("deadline_ms")
        if deadline_ms is not None:
            deadline_ms -= math.ceil(wait_s * 1000)
            if deadline_ms <= 0:
                return None
            fields = {**self.call.fields, "deadline_ms": deadline_ms}
            self.call = replace(self.call, fields=fields)
        self._waits += 1
        self._wait_left_s -= wait_s
        return wait_s


class Reconnections:
    """How long to wait before a job's events are asked for again: `retries` times without hearing
    anything in between, and `max_wait_s` in all."""

    def __init__(self, retries: int, max_wait_s: float) -> None:
        self._retries = retries
        self._max_wait_s = max_wait_s
        self.heard()

    def heard(self) -> None:
        """An event came."""
        self._tries = 0
        self._wait_left_s = self._max_wait_s

    def after(self, error: httpx.RequestError | Unreachable) -> float:
        """Seconds to wait. Raises Unreachable where that was the last time."""
        wait_s: float = _PAUSE_S * 2**self._tries * random.uniform(1.0, 1.25)
        if self._tries == self._retries or wait_s > self._wait_left_s:
            raise error if isinstance(error, Unreachable) else unreachable(error)
        self._tries += 1
        self._wait_left_s -= wait_s
        return wait_s


def unreachable(error: httpx.RequestError) -> Unreachable:
    """The transport's error in words that a person can act on."""
    if isinstance(error, httpx.TimeoutException):
        return Unreachable("no answer in time")
    if isinstance(error, _LOST):
        return Unreachable("the connection was lost")
    return Unreachable(f"no connection: {error}")


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else _PAUSE_S
