"""`python -m loadtest.tracing`: what traces cost, as ratios within one run.

    python -m loadtest.tracing                     # every request traced, beside none
    python -m loadtest.tracing --before ../main    # traces off, beside another checkout

Two services run side by side and take turns under the same closed loop, so that the machine's drift
meets both. Prints each round, and as the last line medians as JSON: throughput of the second over
the first, and CPU time a request.
"""

import argparse
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

import psutil

from loadtest.client import OK, run
from loadtest.collector import collecting
from loadtest.service import running

_ROOT = Path(__file__).parents[1]
_PORT = 8100


@dataclass(frozen=True)
class Side:
    """A running service."""

    name: str
    url: str
    process: psutil.Process

    def measure(self, route: str, requests: int, concurrency: int) -> tuple[float, float]:
        """Requests a second, and CPU milliseconds of all its processes per request."""
        before = self._cpu_s()
        answers, seconds = run(self.url, route, requests, concurrency)
        bad = [answer.outcome for answer in answers if answer.outcome != OK]
        if bad:
            raise RuntimeError(f"{self.name}: {bad}")
        return requests / seconds, 1000 * (self._cpu_s() - before) / requests

    def _cpu_s(self) -> float:
        ours = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in ours)


def main() -> None:
    args = _arguments()
    with ExitStack() as stack:
        collector = stack.enter_context(collecting())
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}

        def start(number: int, name: str, variables: Mapping[str, str], checkout: Path) -> Side:
            url = f"http://127.0.0.1:{_PORT + number}"
            log = Path(mkdtemp(prefix=f"{name}-")) / "log"
            config = checkout / "serve_config.yaml"
            process = stack.enter_context(running(config, log, url, variables, checkout))
            return Side(name, url, process)

        if args.before:
            sides = [start(0, "before", {}, args.before.resolve()), start(1, "off", {}, _ROOT)]
        else:
            sides = [start(0, "off", {}, _ROOT), start(1, "on", traced, _ROOT)]
        print(json.dumps({route: _compare(args, route, sides) for route in args.route}))


def _compare(args: argparse.Namespace, route: str, sides: list[Side]) -> dict[str, object]:
    """Medians over rounds; who begins changes from round to round."""
    for side in sides:  # the first requests open connections
        side.measure(route, args.concurrency, args.concurrency)
    throughputs, cpus = [], []
    for number in range(args.rounds):
        order = sides if number % 2 else sides[::-1]
        found = {s.name: s.measure(route, args.requests, args.concurrency) for s in order}
        (first, first_cpu), (second, second_cpu) = (found[side.name] for side in sides)
        throughputs.append(second / first)
        cpus.append(second_cpu / first_cpu)
        told = ", ".join(f"{k} {rate:.2f}/s {cpu:.1f} ms CPU" for k, (rate, cpu) in found.items())
        print(
            f"{route}: {told}: throughput x{throughputs[-1]:.3f}, CPU x{cpus[-1]:.3f}", flush=True
        )
    return {
        "sides": [side.name for side in sides],
        "throughput": round(median(throughputs), 3),
        "cpu": round(median(cpus), 3),
        "rounds": args.rounds,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--before", type=Path, help="the folder of another checkout")
    add(
        "--route", nargs="+", choices=["captions", "generation"], default=["captions", "generation"]
    )
    add("--requests", type=int, default=96, help="of each turn")
    add("--concurrency", type=int, default=16)
    add("--rounds", type=int, default=6)
    return parser.parse_args()


if __name__ == "__main__":
    main()
