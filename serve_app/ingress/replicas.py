"""Which deployments have running replicas, as Serve's controller said last.

Replicas serve on while the controller is away, as it is for 10 to 30 s where it restarts. So what
it said counts for `COUNTS_S`, and no answer waits for it longer than `WAIT_S`.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from pydantic import BaseModel, Field
from ray import serve
from ray.serve.schema import ReplicaState, ServeStatus

from serve_app.errors import StageUnavailable
from serve_app.observability import log_event

FRESH_S = 1.0  # however many look, the controller is asked once a second
WAIT_S = 0.3
COUNTS_S = 60.0
_GIVEN_UP_S = 30.0  # a question that is not answered by then is put again

# RECOVERING is what a restarted controller calls each replica until it has found it again.
_RUNNING = (ReplicaState.RUNNING, ReplicaState.RECOVERING, ReplicaState.PENDING_MIGRATION)
_GONE = {ReplicaState.STOPPING, ReplicaState.STOPPED}


class DeploymentReport(BaseModel):
    status: str = Field(description="as Ray Serve says it, HEALTHY when all is well")
    running: int = Field(description="replicas that take work")
    target: int = Field(description="replicas that run or are starting")


Reports = dict[str, DeploymentReport]
"""By the deployment's name."""


def read_own() -> Reports:
    """As `read_deployments`, of this replica's application; blocks until Serve answers."""
    # First: outside a replica this raises, whereas `serve.status()` would start a Ray cluster.
    app_name = serve.get_replica_context().app_name
    return read_deployments(serve.status(), app_name)


class Replicas:
    """One reader of that for all routes. Asked for by one event loop at a time."""

    def __init__(
        self, read: Callable[[], Reports] = read_own, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._known: tuple[float, Reports] = (-float("inf"), {})
        self._asked = -float("inf")
        self._answer: Future[None] = Future()
        self._answer.set_result(None)
        self._failed = False

    async def reports(self) -> Reports:
        """The deployments. Raises StageUnavailable where nobody has said for `COUNTS_S`."""
        if self._age() > FRESH_S:
            self._ask()
            left_s = self._asked + WAIT_S - self._clock()
            if left_s > 0 and not self._answer.done():
                await asyncio.wait([asyncio.wrap_future(self._answer)], timeout=left_s)
        if self._age() > COUNTS_S:
            raise StageUnavailable("it is not known what runs: Serve's controller does not answer")
        return self._known[1]

    def _age(self) -> float:
        return self._clock() - self._known[0]

    def _ask(self) -> None:
        """Put the question, in a thread of its own, unless it was put a moment ago."""
        if self._clock() - self._asked <= (FRESH_S if self._answer.done() else _GIVEN_UP_S):
            return
        self._asked = self._clock()
        self._answer = Future()
        self._answer.set_running_or_notify_cancel()  # a client that leaves cannot cancel it
        # A daemon, as Serve's call has no time limit and may outlive the replica.
        threading.Thread(target=self._look, args=[self._answer], daemon=True).start()

    def _look(self, answer: Future[None]) -> None:
        try:
            reports = self._read()
            self._known = (self._clock(), reports)
            self._failed = False
        except Exception as error:
            if not self._failed:
                log_event("status unknown", logging.WARNING, reason=f"{type(error).__name__}")
            self._failed = True
        finally:
            answer.set_result(None)


def read_deployments(status: ServeStatus, app_name: str) -> Reports:
    """One application's deployments; `target` counts every replica that is not being stopped.

    Raises LookupError where Serve does not name the application or any of its deployments, as a
    controller does that has just started.
    """
    deployments = status.applications[app_name].deployments
    if not deployments:
        raise LookupError(app_name)
    return {
        name: DeploymentReport(
            status=deployment.status.value,
            running=sum(deployment.replica_states.get(state, 0) for state in _RUNNING),
            target=sum(n for state, n in deployment.replica_states.items() if state not in _GONE),
        )
        for name, deployment in deployments.items()
    }


def require_running(reports: Reports, needed: Iterable[str] | None = None) -> None:
    """Raises StageUnavailable while one of those needed, or of all, has no running replica."""
    names = reports if needed is None else needed
    down = [name for name in names if name not in reports or reports[name].running == 0]
    if down:
        raise StageUnavailable(f"starting: {', '.join(down)}")
