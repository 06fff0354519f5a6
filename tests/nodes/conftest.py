"""A Ray cluster of two nodes on one machine, started as docs/deploy.md says."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.machine import Machine
from tests.nodes.network import Cable, own_network

HEAD, SECOND = "10.77.0.1", "10.77.0.2"
_TOOLS = ("ip", "unshare", "nsenter")
_START = ["--num-cpus=4", "--object-store-memory=200000000"]


class Cluster:
    """`head` has the code and a warm cache of converted networks; `second` has neither, keeps
    Ray's files elsewhere, and sees of the head's files only what is in `shared`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shared = folder, folder / "shared"
        self.cable = Cable(HEAD, SECOND)
        self.head = self.second = Machine("head", folder)
        self.joined = 0

    def start(self) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or f"{Path.home()}/.cache"
        variables = dict(
            line.removeprefix("export ").split("=", 1)
            for line in self.head.run("python", "-m", "serve_app", "env").splitlines()
        )
        self.variables = {name: "".join(shlex.split(v)) for name, v in variables.items()}
        self.head.variables |= self.variables | {"XDG_CACHE_HOME": cache}
        self.head.run("ray", "get-auth-token", "--generate")
        self.head.run("ray", "start", "--head", f"--node-ip-address={HEAD}", *_START)
        self.join(without_code=True)

    def join(self, without_code: bool = False, proxy_errors: bool = True) -> None:
        """A new second machine, which becomes a node; `proxy_errors` are those of our shape, which
        want the code on the node once there is a service."""
        self.joined += 1
        self.second = second = Machine(
            f"second-{self.joined}", self.folder, self.cable.network, without_code
        )
        second.variables |= self.variables
        if not proxy_errors:
            del second.variables["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"]
        token = Path("home", ".ray", "auth_token")
        shutil.copy(self.head.tmp / token, second.tmp / token)
        second.run(
            "ray", "start", f"--address={HEAD}:6379", f"--node-ip-address={SECOND}",
            "--temp-dir=/tmp/elsewhere", *_START,
        )  # fmt: skip

    def serve_logs(self) -> str:
        """For failed tests: what replicas and proxies said last."""
        found = []
        for log in sorted(self.folder.glob("tmp-*/*/session_2*/logs/serve/*.log")):
            lines = log.read_text(errors="replace").splitlines()
            found += [f"== {log.relative_to(self.folder)}", *lines[-30:]]
        return "\n".join(found)

    def end(self) -> None:
        for machine in {self.second, self.head}:
            machine.end()
        self.cable.remove()


@pytest.fixture(scope="package")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    if os.geteuid() != 0:
        pytest.skip("two nodes on one machine need root, for namespaces")
    if missing := [tool for tool in _TOOLS if not shutil.which(tool)]:
        pytest.skip(f"two nodes on one machine need {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("nodes")
    try:
        with own_network():
            try:
                Machine("probe", folder).end()
            except OSError as error:
                pytest.skip(f"two nodes on one machine need namespaces: {error}")
            running = Cluster(folder)
            try:
                running.start()
                yield running
            finally:
                running.end()
    except PermissionError as error:
        pytest.skip(f"two nodes on one machine need a network namespace: {error}")
