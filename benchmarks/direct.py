"""The served models called directly, on one torch thread: what a core could do without a server.

`python -m benchmarks.direct` reads one route per line from stdin, and writes one line of JSON for
each: seconds and CPU seconds per item, in batches of 1 and of 8. `library` is what a script would
call, `runtime` the service's own code without Ray and HTTP.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from benchmarks.reference import ReferenceCaptioner, ReferencePipelines
from benchmarks.same_work import BATCH, CAPTIONER, MODEL, works
from loadtest.routes import sketch
from serve_app.config import Limits
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.deployments.decoding import model_input
from serve_app.runtimes.captioner import CaptionerRuntime
from serve_app.runtimes.generator import GeneratorRuntime

_CALLS, _SECONDS = 3, 2.0  # the least calls and seconds of a measurement

Sides = dict[str, Callable[[int], object]]
"""By name: a function that processes the given number of items."""


def captions() -> Sides:
    library, runtime = ReferenceCaptioner(CAPTIONER), CaptionerRuntime(CAPTIONER)

    def captioned(count: int) -> list[str]:
        inputs = [
            model_input(sketch(), Limits(), runtime.side, runtime.preprocess) for _ in range(count)
        ]
        return runtime.caption(np.stack(inputs))

    return {"library": lambda count: library.caption([sketch()] * count), "runtime": captioned}


def generation() -> Sides:
    library, runtime = ReferencePipelines(MODEL), GeneratorRuntime(MODEL)
    return {
        "library": lambda count: library.generate(works(count)),
        "runtime": lambda count: runtime.decode(denoise(Engine(runtime, BATCH), works(count))),
    }


def measured(sides: Sides) -> dict[str, dict[str, dict[str, float]]]:
    """By side and batch size: `s` and `cpu_s` per item, medians of a few calls."""
    return {
        name: {str(size): _per_item(call, size) for size in (1, BATCH)}
        for name, call in sides.items()
    }


def _per_item(call: Callable[[int], object], size: int) -> dict[str, float]:
    wall: list[float] = []
    cpu: list[float] = []
    while len(wall) < _CALLS or sum(wall) < _SECONDS:
        began, cpu_began = time.perf_counter(), time.process_time()
        call(size)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    return {"s": median(wall) / size, "cpu_s": median(cpu) / size}


def main() -> None:
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print where they like
    ready: dict[str, Sides] = {}
    for line in sys.stdin:
        route = line.strip()
        if route not in ready:
            ready[route] = {"captions": captions, "generation": generation}[route]()
            for call in ready[route].values():
                call(1)
                call(BATCH)
        print(json.dumps(measured(ready[route])), file=answers, flush=True)


if __name__ == "__main__":
    main()
