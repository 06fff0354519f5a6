"""How many replicas the ingress has, and so which share of the service's limits is this one's.

Serve's own `ReplicaContext.world_size` stays what it was when a replica started while the ingress
autoscales, so the controller is asked.
"""

import threading
from collections.abc import Callable

from ray import serve
from ray.serve.schema import ReplicaState

from serve_app.admission import share_of
from serve_app.observability import log_event

_EVERY_S = 2.0
_ADMITTING = {
    ReplicaState.RUNNING,
    ReplicaState.UPDATING,
    ReplicaState.RECOVERING,  # so a restarted controller calls what it has not found again yet
    ReplicaState.PENDING_MIGRATION,
}


class IngressReplicas:
    """Of the deployment that it is made in; `read` answers (their number, the rank of this one)."""

    def __init__(self, read: Callable[[], tuple[int, int]] | None = None) -> None:
        self._read = read or _read_own
        self._seen = (1, 0)
        threading.Thread(target=self._follow, name="ingress-replicas", daemon=True).start()

    def share(self, limit: int) -> int:
        """How much of a limit of the whole service's is for this replica."""
        return share_of(limit, *self._seen)

    def _follow(self) -> None:
        pause = threading.Event()
        while True:
            try:
                seen = self._read()
            except Exception as error:  # the controller restarts, say; what was seen still holds
                log_event("ingress replicas unknown", error=str(error))
            else:
                if seen != self._seen:
                    log_event("ingress replicas", count=seen[0], rank=seen[1])
                self._seen = seen
            pause.wait(_EVERY_S)


def _read_own() -> tuple[int, int]:
    context = serve.get_replica_context()
    deployments = serve.status().applications[context.app_name].deployments
    states = deployments[context.deployment].replica_states
    count = sum(number for state, number in states.items() if state in _ADMITTING)
    return count, context.rank.rank if context.rank else count  # none while it starts
