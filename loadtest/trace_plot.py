"""`python -m loadtest.trace_plot OUT.png`: a traced request as a waterfall, from its own spans."""

import argparse
import base64
import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from loadtest.client import run
from loadtest.collector import Collector, Span, collecting
from loadtest.plots import COLOURS, plt, saved, tidy
from loadtest.routes import AS_PIPELINE, PROMPT, sketch
from loadtest.service import running

_ROOT = Path(__file__).parents[1]
_URL = "http://127.0.0.1:8100"
_SETTLED_S = 2.0
_EARLIER_S = 0.3  # two other requests, which are in the batch that it joins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    log = Path(mkdtemp()) / "log"
    with collecting() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running(_ROOT / "serve_config.yaml", log, _URL, variables):
            _ask("1" * 32)  # the first request opens connections
            others = threading.Thread(target=run, args=[_URL, "generation", 2, 2])
            others.start()
            time.sleep(_EARLIER_S)
            _ask("2" * 32)
            others.join()
            draw(_all(collector, "2" * 32), out)
    print(out)


def _ask(identity: str) -> None:
    """A request with all four stages, in that trace."""
    body = {"prompt": PROMPT, "control_image": base64.b64encode(sketch()).decode(), "seed": 1}
    body |= AS_PIPELINE | {"upscale": 2, "caption": True}
    headers = {"Content-Type": "application/json", "traceparent": f"00-{identity}-{1:016x}-01"}
    url = f"{_URL}/v1/images/generations"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        response.read()


def _all(collector: Collector, identity: str) -> list[Span]:
    seen = -1
    while seen != len(collector.trace(identity)) or not seen:
        seen = len(collector.trace(identity))
        time.sleep(_SETTLED_S)
    return collector.trace(identity)


def in_order(spans: Sequence[Span]) -> Iterator[tuple[int, str, Span]]:
    """Each span with its depth and the part of the service that made it, children after parents."""
    ids = {span.id for span in spans}

    def below(parent: str, depth: int, part: str) -> Iterator[tuple[int, str, Span]]:
        for span in spans:
            if span.parent == parent:
                inside = part
                if span.name.startswith("replica_handle_request"):
                    inside = span.name.split()[1]
                yield depth, inside, span
                yield from below(span.id, depth + 1, inside)

    for root in {span.parent for span in spans} - ids:
        yield from below(root, 0, "proxy")


def draw(spans: Sequence[Span], path: Path) -> None:
    """A bar for each span over milliseconds, and a mark for each event."""
    rows = list(in_order(spans))
    began = min(span.began for span in spans)
    figure, axes = plt.subplots(figsize=(11, 0.2 * len(rows) + 1.1), layout="constrained")
    colours = dict(zip(dict.fromkeys(part for _, part, _ in rows), COLOURS, strict=False))
    end = 1000 * (max(span.ended for span in spans) - began)
    for y, (_, part, span) in enumerate(rows):
        left, width = 1000 * (span.began - began), 1000 * span.seconds
        axes.barh(y, width, left=left, color=colours[part], height=0.7)
        moments = [1000 * (moment - began) for _, moment, _ in span.events]
        axes.plot(
            moments, [y] * len(moments), "|", color="white", markersize=6, markeredgewidth=1.4
        )
        size = span.attributes.get("image.batch_size")
        sizes = [str(more["image.batch_size"]) for _, _, more in span.events]
        said = f"steps in batches of {', '.join(sizes)}" if sizes else size and f"batch of {size}"
        axes.text(
            left + width + 0.004 * end, y, said or "", va="center", fontsize=7, color="#52606d"
        )
    labels = [f"{'    ' * depth}{span.name}" for depth, _, span in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=7, family="monospace", ha="left")
    axes.tick_params(axis="y", length=0, pad=7.2 * max(map(len, labels)) * 0.62)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.08 * end)
    tidy(axes, "One request's trace", "time (ms)", "")
    axes.grid(visible=False)
    for part, colour in colours.items():
        axes.barh(0, 0, color=colour, label=part)
    axes.legend(loc="lower left", fontsize=8, frameon=False, title="in", alignment="left")
    saved(figure, path)


if __name__ == "__main__":
    main()
