"""A network of this thread's own, and a cable from it to that of another machine."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000  # os.unshare and os.setns come with Python 3.12


@contextmanager
def own_network() -> Iterator[None]:
    """Nothing but a loopback device; new threads and processes have it too.

    Raises OSError where that is not allowed.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked("unshare", _CLONE_NEWNET)
        try:
            _ip("link", "set", "lo", "up")
            yield
        finally:
            _checked("setns", before, _CLONE_NEWNET)
    finally:
        os.close(before)


class Cable:
    """`network` is the file of the namespace at its other end, which outlives machines in it."""

    def __init__(self, own: str, others: str) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "bash", "-c", "echo up; exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout and self._holder.stdout.readline()
        self.network = f"/proc/{self._holder.pid}/ns/net"
        pair = ["type", "veth", "peer", "name", "there", "netns", str(self._holder.pid)]
        _ip("link", "add", "here", *pair)
        _ip("address", "add", f"{own}/24", "dev", "here")
        _ip("link", "set", "here", "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{others}/24", "dev", "there"),
            ("link", "set", "there", "up"),
            ("route", "add", "default", "via", own),
        ):
            _ip(*command, network=self.network)

    def pull(self) -> None:
        """What is sent from now on is lost, and nobody is told."""
        _ip("link", "set", "there", "down", network=self.network)

    def plug(self) -> None:
        _ip("link", "set", "there", "up", network=self.network)

    def remove(self) -> None:
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout
        self._holder.stdout.close()


def _ip(*command: str, network: str = "") -> None:
    inside = ["nsenter", f"--net={network}"] if network else []
    subprocess.run([*inside, "ip", *command], check=True)


def _checked(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
