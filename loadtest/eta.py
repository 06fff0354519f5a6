"""`python -m loadtest.eta`: how true the time left is that streams tell, under bursts.

    python -m loadtest.eta --bursts 16 32 64
    python -m loadtest.eta --bursts 24 --sizes 128x128 256x256 512x512

Each burst is sent at once: requests of 4 to 60 steps, half of them with edges. Every forecast of
every stream (`eta_s`) is held against when its image came. Prints quantiles of forecast / actual by
how far away the end was, of first forecasts and of later ones, and as the last line JSON; what was
told goes to `--out`. A ratio over 1 promised too late an end, one under 1 too early a one.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from loadtest.routes import PROMPT, sketch
from serve_app.client import AsyncClient, ClientError, Completed

STEPS = (4, 8, 15, 15, 15, 30, 60)
BANDS_S = (2.0, 5.0, 15.0, 45.0, float("inf"))
WITHIN = 0.3
_LEAST_S = 0.1  # a forecast that is read together with the end is none


@dataclass(frozen=True)
class Told:
    """One forecast: `told_s` seconds were left by it, and `actual_s` really; `after_s` since its
    burst was sent."""

    burst: int
    image: int
    first: bool
    after_s: float
    told_s: float
    actual_s: float

    @property
    def ratio(self) -> float:
        return self.told_s / self.actual_s


async def burst(
    url: str, size: int, seed: int, gap_s: float = 0.0, sizes: Sequence[str | None] = (None,)
) -> tuple[list[Told], list[str]]:
    """Send `size` requests, `gap_s` apart; what they were told, and what was refused."""
    rng = random.Random(seed)
    asked = [
        (rng.choice(STEPS), sketch() if rng.random() < 0.5 else None, rng.choice(sizes))
        for _ in range(size)
    ]
    told: list[Told] = []
    lost: list[str] = []
    async with AsyncClient(url, retries=0) as client:
        began = time.monotonic()
        with tqdm(total=size, unit="image", desc=f"burst of {size}") as bar:

            async def one(
                number: int, steps: int, control: bytes | None, image_size: str | None
            ) -> None:
                await asyncio.sleep(number * gap_s)
                stream = client.stream(
                    PROMPT, control, num_inference_steps=steps, seed=number, size=image_size
                )
                heard: list[tuple[float, float]] = []
                try:
                    async with aclosing(stream) as events:
                        async for event in events:
                            now = time.monotonic()
                            if not isinstance(event, Completed):
                                heard.append((now, event.eta_s))
                except ClientError as error:
                    lost.append(str(error))
                    return
                told.extend(_told(size, number, began, heard, now))
                bar.update()

            await asyncio.gather(*(one(number, *each) for number, each in enumerate(asked)))
    return told, lost


def _told(
    size: int, image: int, began: float, heard: Sequence[tuple[float, float]], end: float
) -> list[Told]:
    return [
        Told(size, image, index == 0, moment - began, eta_s, end - moment)
        for index, (moment, eta_s) in enumerate(heard)
        if end - moment >= _LEAST_S
    ]


def summary(told: Sequence[Told]) -> list[dict[str, Any]]:
    """A row for first and later forecasts of each band of `BANDS_S`, by what was really left."""
    rows = []
    for first in (True, False):
        least = 0.0
        for most in BANDS_S:
            band = [each for each in told if each.first == first and least < each.actual_s <= most]
            if band:
                ratios = [each.ratio for each in band]
                p5, p50, p95 = (float(q) for q in np.quantile(ratios, [0.05, 0.5, 0.95]))
                near = [abs(ratio - 1) <= WITHIN for ratio in ratios]
                off = [abs(each.told_s - each.actual_s) for each in band]
                rows.append(
                    {
                        "first": first,
                        "left_s": [least, most if most < float("inf") else None],
                        "forecasts": len(band),
                        "ratio": {name: round(v, 2) for name, v in
                                  (("p5", p5), ("p50", p50), ("p95", p95))},
                        "within": round(sum(near) / len(near), 2),
                        "off_s_p90": round(float(np.quantile(off, 0.9)), 2),
                    }
                )  # fmt: skip
            least = most
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As people read it."""
    lines = [f"{'':6} {'left':>10} {'n':>6} {'p5':>6} {'p50':>6} {'p95':>6} "
             f"{f'±{WITHIN:.0%}':>6} {'off p90':>8}"]  # fmt: skip
    for row in rows:
        least, most = row["left_s"]
        left = f"{least:g}-{most:g} s" if most else f"{least:g}+ s"
        ratio = row["ratio"]
        lines.append(
            f"{'first' if row['first'] else 'later':6} {left:>10} {row['forecasts']:6} "
            f"{ratio['p5']:6.2f} {ratio['p50']:6.2f} {ratio['p95']:6.2f} "
            f"{row['within']:6.0%} {row['off_s_p90']:6.1f} s"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000")
    add("--bursts", type=int, nargs="+", default=[16, 32, 64], help="requests of each burst")
    add("--gap", type=float, default=0.0, help="seconds between requests of a burst")
    add("--sizes", nargs="+", default=[None], help="drawn for each request; left out: the default")
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("build/loadtest"))
    args = parser.parse_args()
    everything: list[Told] = []
    runs = []
    for size in args.bursts:
        told, lost = asyncio.run(burst(args.url, size, args.seed + size, args.gap, args.sizes))
        everything += told
        rows = summary(told)
        print(f"\nburst of {size}, {len(lost)} lost\n{table(rows)}")
        runs.append({"burst": size, "lost": lost, "forecasts": rows})
    together = summary(everything)
    print(f"\nall\n{table(together)}")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "eta.json").write_text(json.dumps([asdict(each) for each in everything]))
    print(json.dumps({"runs": runs, "all": together}))


if __name__ == "__main__":
    main()
