"""A model under one backend in a process of its own, so that its memory and imports are its own."""

import multiprocessing
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from serve_app.config import AppArgs
from serve_app.jobs.optimise.inputs import Inputs
from serve_app.jobs.optimise.subjects import BATCH, SUBJECTS, model_of

_SPAWNED = multiprocessing.get_context("spawn")


class Worker:
    """Loads the model and makes one and `BATCH` things; `loaded` says what that took.

    Raises RuntimeError with the other process's reason, then and later.
    """

    def __init__(
        self, args: AppArgs, inputs: Inputs, kind: str, backend: str, device: str, dtype: str
    ) -> None:
        self._connection, theirs = _SPAWNED.Pipe()
        asked = (theirs, args, inputs, kind, backend, device, dtype)
        self._process = _SPAWNED.Process(target=_serve, args=asked)
        self._process.start()
        theirs.close()
        self.loaded: dict[str, float] = self._answer()

    def call(self, what: str, *args: Any) -> Any:
        """A method of the subject, and its value."""
        with suppress(OSError):  # it died, which the answer says
            self._connection.send((what, args))
        return self._answer()

    def seconds(self, size: int) -> float:
        """What making a batch takes."""
        value: float = self.call("seconds", size)
        return value

    def close(self) -> None:
        self._connection.close()
        self._process.join()

    def _answer(self) -> Any:
        try:
            value, error = self._connection.recv()
        except (EOFError, OSError):
            value, error = None, "the process died"
        if error:
            self.close()
            raise RuntimeError(error)
        return value


def _serve(
    connection: Connection,
    args: AppArgs,
    inputs: Inputs,
    kind: str,
    backend: str,
    device: str,
    dtype: str,
) -> None:
    torch.set_num_threads(1)
    try:
        import_module(f"serve_app.runtimes.{kind}")  # what every backend needs counts for none
        before = _status_mb("VmRSS")
        began = time.perf_counter()
        model = model_of(args, kind, backend, device, dtype)
        subject = SUBJECTS[kind](model, args, inputs)
        for size in (1, BATCH):
            subject.make(size)
        took = time.perf_counter() - began
        connection.send(({"load_s": took, "memory_mb": _status_mb("VmHWM") - before}, None))
        while True:
            what, arguments = connection.recv()
            if what == "seconds":
                began = time.perf_counter()
                subject.make(*arguments)
                connection.send((time.perf_counter() - began, None))
            else:
                connection.send((getattr(subject, what)(*arguments), None))
    except EOFError:
        pass
    except Exception as error:
        connection.send((None, f"{type(error).__name__}: {error}"))


def _status_mb(field: str) -> float:
    """Of this process: VmRSS is its memory now, VmHWM at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{field}:")]
    return int(line.split()[1]) / 1024
