"""`python -m loadtest`: put a running service under load and report.

    python -m loadtest                                      # closed loops, beside the baseline
    python -m loadtest --route captions --rate 5 10 20 --requests 100     # Poisson arrivals
    python -m loadtest --mix generation=3,captions=5,upscale=1 --concurrency 16
    python -m loadtest --route generation --waves 3 --wave-gap 8 --disconnect 0.2
    python -m loadtest --route generation --rate 8 --deadline-ms 4000

Prints a table and, as the last line, the results as JSON; results and plots go to `--out`.
Generations use diffusers' settings, so that service and baseline do the same work.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest import arrivals, baseline, batches, plots, report
from loadtest.arrivals import Arrivals
from loadtest.client import Manner, load
from loadtest.processes import cpu_spent, cpu_times
from loadtest.routes import ROUTES, drawn, parse_mix


def main() -> None:
    args = _arguments()
    mixes = {"mix": args.mix} if args.mix else {route: {route: 1.0} for route in args.route}
    closed_loop = not (args.rate or args.waves)
    compared = [n for n in mixes if args.baseline and closed_loop and n in baseline.MEASURED]
    runs: list[dict[str, Any]] = []
    baselines: dict[str, Any] = {}
    with baseline.Baseline() as models:
        for name, mix in mixes.items():
            rounds = []
            for _ in range(args.rounds):
                before = models.measure(name) if name in compared else None
                now = [_run(args, name, mix, each) for each in _plan(args)]
                runs += now
                if before:
                    after = models.measure(name)
                    rounds.append((before, after, baseline.ratios(before, after, now)))
            if rounds:
                baselines[name] = {
                    "direct": baseline.medians([each for pair in rounds for each in pair[:2]]),
                    "ratios": baseline.medians([shares for *_, shares in rounds]),
                }
    _publish(args.out, runs, baselines)


def _run(
    args: argparse.Namespace, name: str, mix: dict[str, float], moments: Arrivals
) -> dict[str, Any]:
    deadline = {"deadline_ms": args.deadline_ms} if args.deadline_ms else {}
    requests = drawn(mix, args.requests, args.seed, **deadline)
    manner = Manner(args.timeout, args.limit, args.disconnect, args.seed)
    cpu_before, logs_before = cpu_times(args.url), batches.positions()
    answers, seconds = asyncio.run(load(args.url, requests, moments, manner))
    cpu_after = cpu_times(args.url)
    cpu_s = cpu_spent(cpu_before, cpu_after)
    sizes = batches.means_since(logs_before) if cpu_after else None
    return report.summarise(name, moments, answers, seconds, cpu_s, sizes)


def _plan(args: argparse.Namespace) -> list[Arrivals]:
    """How the requests of each run arrive."""
    if args.rate:
        return [arrivals.poisson(args.requests, rate, args.seed) for rate in args.rate]
    if args.waves:
        return [arrivals.waves(args.requests, args.waves, args.wave_gap, args.wave_apart)]
    return [arrivals.closed(args.requests, clients) for clients in args.concurrency]


def _publish(out: Path, runs: Sequence[dict[str, Any]], baselines: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps({"runs": runs, "baseline": baselines}, indent=1))
    pictures = plots.draw(runs, out)
    print(report.table(runs))
    for route, each in baselines.items():
        print(baseline.described(route, each["direct"], each["ratios"]))
    for run in runs:
        if run["ok"] < run["requests"]:
            print(report.losses(run))
    print(*[out / "results.json", *pictures], sep="\n")
    summaries = [report.without_samples(run) for run in runs]
    print(json.dumps({"runs": summaries, "baseline": baselines}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000")
    add("--route", nargs="+", choices=ROUTES, default=["captions", "generation"])
    add(
        "--mix",
        type=parse_mix,
        help="routes and weights, in place of --route: generation=3,captions=5",
    )
    add("--requests", type=int, default=32, help="of each run")
    add("--concurrency", type=int, nargs="+", default=[1, 8, 16], help="closed loops")
    add("--rate", type=float, nargs="+", help="Poisson arrivals instead, requests a second")
    add("--waves", type=int, help="waves of requests instead")
    add("--wave-gap", type=float, default=5.0, help="seconds from wave to wave")
    add("--wave-apart", type=float, default=0.05, help="seconds between requests of a wave")
    add("--disconnect", type=float, default=0.0, help="the share of clients that hang up")
    add("--deadline-ms", type=int, help="of generations")
    add("--timeout", type=float, default=120.0, help="seconds, of a request")
    add("--limit", type=float, default=600.0, help="seconds, of a run")
    add(
        "--rounds",
        type=int,
        default=1,
        help="repeats of each route's runs, with the baseline measured before and after each",
    )
    add("--baseline", action=argparse.BooleanOptionalAction, default=True,
        help="also call the models directly, where a closed loop asks for one route")  # fmt: skip
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("build/loadtest"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
