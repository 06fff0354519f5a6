"""`python -m loadtest.autoscaling`: watch a deployment grow under load, and shrink after it.

    python -m loadtest.autoscaling --deployment Captioner
    python -m loadtest.autoscaling --deployment Generator --config serve_config.yaml

Starts the service itself, from a copy of the YAML in which the deployment scales within seconds:
Ray's own delays are 30 s up and 600 s down. Busy clients stay until the maximum of replicas is
reached and held; then one request a second, until the minimum is too. No request may fail on the
way: exits with 1 where one does, or where a number of replicas is not reached. Writes JSON and a
plot, and ends with one JSON line.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from tqdm import tqdm

from loadtest.autoscaling_plot import Sample, draw
from loadtest.client import OK, Answer, send
from loadtest.report import quantiles
from loadtest.routes import request_to
from loadtest.service import served

ROUTES = {"Captioner": "captions", "Generator": "generation", "Upscaler": "upscale",
          "Canny": "canny", "Classifier": "classify"}  # fmt: skip
_QUICK = {
    "target_ongoing_requests": 2,
    "upscale_delay_s": 2,
    "downscale_delay_s": 10,
    "metrics_interval_s": 1,
    "look_back_period_s": 2,
}
_QUICK_WAIT_S = 0.2
_TIMEOUT_S = 120.0  # of a request


class Watch:
    """Sends requests to one route and samples the deployment's replica counts."""

    def __init__(self, url: str, deployment: str) -> None:
        self.samples: list[Sample] = []
        self.answers: list[Answer] = []
        self._url, self._deployment = url, deployment
        self._began = time.monotonic()
        self._in_flight = 0
        self._numbers = itertools.count()
        self._phase = "load"  # then "trickle", "over"

    async def run(
        self, least: int, most: int, clients: int, hold_s: float, limit_s: float
    ) -> dict[str, float | None]:
        """When each number of replicas was reached, in seconds from the start; None if not within
        `limit_s`."""
        moments: dict[str, float | None] = {}
        async with aiohttp.ClientSession(self._url) as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll(session))
            for _ in range(clients):
                tasks.create_task(self._client(session))
            moments["at_maximum_s"] = await self._reached(most, limit_s)
            await asyncio.sleep(hold_s)
            self._phase = "trickle"
            moments["load_ended_s"] = self._now()
            tasks.create_task(self._trickle(session))
            moments["at_minimum_s"] = await self._reached(least, limit_s)
            await asyncio.sleep(hold_s)
            self._phase = "over"
        return moments

    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        request = request_to(ROUTES[self._deployment], next(self._numbers))
        sent_s = self._now()
        self._in_flight += 1
        try:
            self.answers.append(await send(session, request, _TIMEOUT_S, sent_s=sent_s))
        finally:
            self._in_flight -= 1

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while self._phase == "load":
            await self._ask(session)

    async def _trickle(self, session: aiohttp.ClientSession) -> None:
        while self._phase == "trickle":
            await asyncio.gather(self._ask(session), asyncio.sleep(1))

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        with tqdm(unit="s", bar_format="{elapsed} {desc}") as bar:
            while self._phase != "over":
                async with session.get("/v1/status") as response:
                    seen = (await response.json())["deployments"][self._deployment]
                replicas = seen["running"], seen["target"]
                self.samples.append(Sample(self._now(), *replicas, self._in_flight))
                bar.set_description_str(f"{self._deployment}: {replicas[0]} replicas")
                await asyncio.sleep(1)

    async def _reached(self, replicas: int, limit_s: float) -> float | None:
        """When exactly this many replicas run and none is starting; None after `limit_s`."""
        deadline = self._now() + limit_s
        while self._now() < deadline:
            if self.samples and self.samples[-1].running == self.samples[-1].target == replicas:
                return self.samples[-1].s
            await asyncio.sleep(0.2)
        return None


def quickened(config: dict[str, Any], deployment: str) -> tuple[dict[str, Any], int, int]:
    """The configuration with short autoscaling delays for a deployment, and its minimum and maximum
    of replicas."""
    deployments = config["applications"][0]["deployments"]
    scaling = next(d for d in deployments if d["name"] == deployment)["autoscaling_config"]
    scaling |= _QUICK
    if "policy" in scaling:  # ours, by the wait for a slot
        scaling["policy"]["policy_kwargs"]["target_wait_s"] = _QUICK_WAIT_S
    return config, scaling["min_replicas"], scaling["max_replicas"]


def summary(watch: Watch, moments: dict[str, float | None]) -> dict[str, Any]:
    """When each number of replicas was reached, and the clients' outcomes and latencies."""
    outcomes = Counter(answer.outcome for answer in watch.answers)
    good_ms = [1000 * answer.seconds for answer in watch.answers if answer.outcome == OK]
    return {
        **{name: s if s is None else round(s, 1) for name, s in moments.items()},
        "most_running": max(sample.running for sample in watch.samples),
        "requests": len(watch.answers),
        "failed": {kind: n for kind, n in outcomes.items() if kind != OK},
        "latency_ms": quantiles(good_ms),
    }


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    config, least, most = quickened(yaml.safe_load(args.config.read_text()), args.deployment)
    quick = args.out / "autoscaling.yaml"
    quick.write_text(yaml.safe_dump(config))
    with served(quick, args.out / "autoscaling.log") as url:
        watch = Watch(url, args.deployment)
        moments = asyncio.run(watch.run(least, most, args.clients, args.hold, args.limit))
    told = {"deployment": args.deployment} | summary(watch, moments)
    samples, answers = [asdict(each) for each in watch.samples], map(asdict, watch.answers)
    everything = told | {"samples": samples, "answers": list(answers)}
    (args.out / "autoscaling.json").write_text(json.dumps(everything, indent=1))
    draw(watch.samples, watch.answers, args.deployment, args.out / "autoscaling.png")
    print(json.dumps(told))
    sys.exit(1 if told["failed"] or None in moments.values() else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--deployment", choices=ROUTES, default="Captioner")
    add("--config", type=Path, default=Path("serve_config.yaml"))
    add("--clients", type=int, default=16, help="each asks again when it was answered")
    add("--hold", type=float, default=10.0, help="seconds at the maximum and at the minimum")
    add("--limit", type=float, default=180.0, help="seconds to wait for a number of replicas")
    add("--out", type=Path, default=Path("build/loadtest"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
