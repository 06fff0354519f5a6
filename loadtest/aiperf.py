"""The same generations by NVIDIA's aiperf and by `python -m loadtest`, in turns, in one run.

    python -m loadtest.aiperf --program ~/aiperf/bin/aiperf --rounds 2

Against a running demo. aiperf's pins are not the service's: `pip install aiperf==0.13.0` in an
environment of its own. Ends with a table, aiperf's figures beside their share of the load test's,
and fails where a request did.
"""

import argparse
import asyncio
import base64
import json
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest import arrivals, report
from loadtest.client import Manner, load
from loadtest.routes import AS_PIPELINE, PROMPT, drawn, sketch

_TOKENIZER = Path(__file__).parents[1] / "demo/weights/generator/tokenizer"
_KINDS = {"aiperf": [], "aiperf --streaming": ["--streaming"]}


@dataclass(frozen=True)
class Figures:
    """Images a second, and seconds of which half, and 95 in 100, of the requests stay below."""

    rate: float
    p50: float
    p95: float
    errors: int


def by_aiperf(args: argparse.Namespace, endpoint: str, options: list[str]) -> Figures:
    """A run of aiperf. Raises CalledProcessError where it ends with an error."""
    with tempfile.TemporaryDirectory() as folder:
        prompts, extra = Path(folder, "prompts.jsonl"), Path(folder, "extra.json")
        line: dict[str, Any] = {"text": PROMPT}
        fields = dict(AS_PIPELINE)
        picture = base64.b64encode(sketch()).decode()
        if endpoint == "image-edit":
            line["image"] = f"data:image/jpeg;base64,{picture}"
        else:
            fields["control_image"] = picture
        prompts.write_text(json.dumps(line) + "\n")
        extra.write_text(json.dumps(fields | {"seed": 1}))
        command = [
            *(args.program, "profile", "-m", "demo", "-u", args.url),
            *("--endpoint-type", endpoint, *options, "--concurrency", str(args.concurrency)),
            *("--request-count", str(args.requests), "--tokenizer", str(_TOKENIZER)),
            *("--input-file", str(prompts), "--custom-dataset-type", "single_turn"),
            *("--extra-inputs", extra.read_text(), "--artifact-dir", folder, "--ui", "none"),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        (path,) = Path(folder).rglob("profile_export_aiperf.json")
        found = json.loads(path.read_text())
    latency = found["request_latency"]
    return Figures(
        rate=found["request_throughput"]["avg"],
        p50=latency["p50"] / 1000,
        p95=latency["p95"] / 1000,
        errors=int((found.get("error_request_count") or {}).get("avg") or 0),
    )


def by_loadtest(args: argparse.Namespace) -> Figures:
    """A closed loop of `python -m loadtest --route generation`."""
    moments = arrivals.closed(args.requests, args.concurrency)
    requests = drawn({"generation": 1.0}, args.requests, 0)
    answers, seconds = asyncio.run(load(args.url, requests, moments, Manner(120.0, 600.0, 0.0, 0)))
    run = report.summarise("generation", moments, answers, seconds)
    latency = run["latency_ms"]
    errors = run["requests"] - run["ok"]
    return Figures(run["throughput_per_s"], latency["p50"] / 1000, latency["p95"] / 1000, errors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", default="aiperf")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    figures: dict[str, list[Figures]] = {}
    for _ in range(args.rounds):
        figures.setdefault("loadtest", []).append(by_loadtest(args))
        for name, options in _KINDS.items():
            figures.setdefault(name, []).append(by_aiperf(args, "image-generation", options))
    figures["loadtest"].append(by_loadtest(args))
    figures["aiperf, image-edit"] = [by_aiperf(args, "image-edit", [])]
    ours = _median(figures["loadtest"])
    print("| | images a second | p50 | p95 | over the load test's | errors |")
    print("|---|---|---|---|---|---|")
    for name, runs in figures.items():
        each = _median(runs)
        shares = "" if "edit" in name else f"{each.rate / ours.rate:.2f}, {each.p50 / ours.p50:.2f}"
        print(
            f"| {name} | {each.rate:.2f} | {each.p50:.2f} s | {each.p95:.2f} s | {shares} "
            f"| {each.errors} |"
        )
    if any(run.errors for runs in figures.values() for run in runs):
        raise SystemExit("some requests failed")


def _median(runs: list[Figures]) -> Figures:
    return Figures(
        rate=statistics.median(run.rate for run in runs),
        p50=statistics.median(run.p50 for run in runs),
        p95=statistics.median(run.p95 for run in runs),
        errors=sum(run.errors for run in runs),
    )


if __name__ == "__main__":
    main()
