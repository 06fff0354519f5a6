"""A machine as far as Ray can tell: a network, a host name, a process table and a /tmp of its own.

Linux namespaces, as containers have them, so one process ends the whole machine at once. It shares
the file system, and `shared` is where all machines see the same files.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from serve_app.model_config import PROJECT_ROOT

BIN = Path(sys.executable).parent
PORT = 6379
_HIDDEN = ("serve_app", "demo")
_SETUP = """
set -e
name=$1 own=$2 shared=$3
hostname "$name"
ip link set lo up
case "$shared" in /tmp/*)
  mkdir -p "$own${shared#/tmp}"
  mount --bind "$shared" "$own${shared#/tmp}" ;;
esac
chmod 1777 "$own"
mount --rbind "$own" /tmp
shift 3
for folder; do mount -t tmpfs none "$folder"; done
touch /tmp/up
while :; do sleep 1000 & wait; done
"""


class Machine:
    """Runs commands in the project's folder. Ends with the process that made it."""

    def __init__(
        self, name: str, folder: Path, network: str = "", without_code: bool = False
    ) -> None:
        """`network` is a namespace's file; without it, it has this thread's network.

        `without_code`: the project's code and weights are not on it. Raises OSError where there can
        be no such machine.
        """
        self.name = name
        self.tmp = folder / f"tmp-{name}"
        self.tmp.mkdir()
        shared = folder / "shared"
        shared.mkdir(exist_ok=True)
        self._hidden = [str(PROJECT_ROOT / each) for each in _HIDDEN] if without_code else []
        inside = ["nsenter", f"--net={network}"] if network else []
        self._log = (folder / f"{name}.log").open("w")
        self._process = subprocess.Popen(
            [*inside, "unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "bash", "-c", _SETUP, "bash", name, self.tmp, shared, *self._hidden],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not (self.tmp / "up").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise OSError((folder / f"{name}.log").read_text())
            time.sleep(0.05)
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.pid = int(children.read_text())
        self.variables = {
            "HOME": "/tmp/home",
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
        }
        (self.tmp / "home" / ".ray").mkdir(parents=True)

    def popen(self, *command: object, **options: object) -> subprocess.Popen[str]:
        """In the machine; `env` is all that it gets besides the machine's own variables."""
        given = options.pop("env", {})
        assert isinstance(given, Mapping)
        return subprocess.Popen(
            ["nsenter", "--target", str(self.pid), "--net", "--uts", "--mount", "--pid",
             "env", "-C", str(PROJECT_ROOT), *map(str, command)],
            env=self.variables | given, text=True, **options,
        )  # fmt: skip

    def run(self, *command: object, timeout_s: float = 120, **env: str) -> str:
        """What it printed. Raises AssertionError where it failed."""
        process = self.popen(
            *command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, f"{command} ended with {process.returncode}:\n{said}"
        return said

    def install(self) -> None:
        """The code, where the machine was without."""
        for folder in self._hidden:
            self.run("umount", folder)
        self._hidden = []

    def end(self) -> None:
        """`kill -9` of everything in it, at once."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()
