"""`python -m loadtest`: send requests to a running service and say what came back.

    python -m loadtest --route generation --requests 32 --concurrency 16
    python -m loadtest --route captions --requests 200 --concurrency 200   # all at once

Closed loop: each of `--concurrency` clients sends its next request when the last was answered.
Ends with one JSON line: statuses, latencies by outcome in seconds, and where time went, from the
`Server-Timing` headers, in milliseconds.
"""

import argparse
import asyncio
import base64
import io
import json
import re
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import aiohttp
from PIL import Image, ImageDraw
from tqdm import tqdm

PROMPT = "a red circle and a blue square on a white background"
_STAGE = re.compile(r"([\w-]+);dur=([\d.]+)")


@dataclass(frozen=True)
class Answer:
    status: int
    seconds: float
    retry_after: str | None
    stages_ms: dict[str, float]


def sketch() -> bytes:
    """A 512x512 RGB JPEG of two shapes."""
    image = Image.new("RGB", (512, 512), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 150, 230, 330), fill=(220, 40, 40))
    draw.rectangle((280, 180, 460, 360), fill=(40, 80, 220))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def request_of(
    route: str, number: int, image: bytes, fields: dict[str, object]
) -> tuple[str, bytes, str]:
    """Path, body and Content-Type of the `number`th request, which is also its seed."""
    if route == "captions":
        return "/v1/captions", image, "image/jpeg"
    control = base64.b64encode(image).decode()
    body = {"prompt": PROMPT, "control_image": control, "seed": number} | fields
    return "/v1/images/generations", json.dumps(body).encode(), "application/json"


async def run(
    url: str, route: str, count: int, concurrency: int, **fields: object
) -> tuple[list[Answer], float]:
    """Send `count` requests from `concurrency` clients; the answers, and the seconds it took.

    `fields` go into the body of each generation request.
    """
    image = sketch()
    work = [request_of(route, number, image, fields) for number in range(count)]
    answers: list[Answer] = []
    connector = aiohttp.TCPConnector(limit=concurrency)
    timeout = aiohttp.ClientTimeout(total=300)
    with tqdm(total=count, unit="request") as bar:
        async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:

            async def client() -> None:
                while work:
                    answers.append(await send(session, *work.pop()))
                    bar.update()

            started = time.perf_counter()
            await asyncio.gather(*(client() for _ in range(concurrency)))
            return answers, time.perf_counter() - started


async def send(session: aiohttp.ClientSession, path: str, body: bytes, kind: str) -> Answer:
    started = time.perf_counter()
    async with session.post(path, data=body, headers={"Content-Type": kind}) as response:
        await response.read()
        seconds = time.perf_counter() - started
        timing = response.headers.get("Server-Timing", "")
        stages = {stage: float(ms) for stage, ms in _STAGE.findall(timing)}
        return Answer(response.status, seconds, response.headers.get("Retry-After"), stages)


def summarise(answers: list[Answer], seconds: float) -> dict[str, object]:
    """What the JSON line holds."""
    by_status, stages = defaultdict(list), defaultdict(list)
    for answer in answers:
        by_status[answer.status].append(answer.seconds)
        for stage, ms in answer.stages_ms.items():
            stages[stage].append(ms)
    return {
        "statuses": dict(Counter(answer.status for answer in answers)),
        "answered_per_s": round(len(by_status[200]) / seconds, 2),
        "latency_s": {
            status: {"p50": _quantile(times, 0.5), "p95": _quantile(times, 0.95),
                     "max": round(max(times), 3)}
            for status, times in by_status.items() if times
        },
        "stage_ms_p50": {stage: round(statistics.median(ms), 1) for stage, ms in stages.items()},
        "retry_after_s": sorted({int(a.retry_after) for a in answers if a.retry_after}),
    }  # fmt: skip


def _quantile(times: list[float], share: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))], 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--route", choices=("generation", "captions"), default="generation")
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--concurrency", type=int, default=16)
    args = parser.parse_args()
    concurrency = min(args.concurrency, args.requests)
    answers, seconds = asyncio.run(run(args.url, args.route, args.requests, concurrency))
    settings = {"route": args.route, "requests": args.requests, "concurrency": concurrency}
    print(json.dumps(settings | summarise(answers, seconds)))


if __name__ == "__main__":
    main()
