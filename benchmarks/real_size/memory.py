"""How much memory the replicas that this process started hold."""

import re

import psutil

_REPLICA = re.compile(r"ServeReplica:\w+:(\w+)")


def of_replicas() -> dict[str, dict[str, int]]:
    """For each deployment's replicas together, in MB: `rss_mb`, `pss_mb` (what is shared, divided
    among those that share it), and `peak_mb`, the most that one of them ever held."""
    found: dict[str, dict[str, int]] = {}
    for process in psutil.Process().children(recursive=True):
        name = _REPLICA.search(" ".join(process.cmdline()))
        if name:
            full = process.memory_full_info()
            sizes = found.setdefault(name[1], {"rss_mb": 0, "pss_mb": 0, "peak_mb": 0})
            sizes["rss_mb"] += full.rss // 10**6
            sizes["pss_mb"] += full.pss // 10**6
            sizes["peak_mb"] = max(sizes["peak_mb"], _peak_mb(process.pid))
    return found


def _peak_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1000 for line in status if line.startswith("VmHWM"))
