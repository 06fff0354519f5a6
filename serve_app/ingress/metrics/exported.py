"""This application's metrics, as Ray's agents export them: one agent a node, for all that runs
there. What is Ray's own, or another application's, is left out.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

import httpx
import ray
from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from ray import serve

from serve_app.errors import StageUnavailable
from serve_app.observability import log_event

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
FRESH_S = 1.0  # however many ask, agents are asked once a second
_WITHIN_S = 5.0  # half of what Prometheus waits for
_OURS = "ray_image_"
_LINES = (_OURS, f"# HELP {_OURS}", f"# TYPE {_OURS}")


def agents() -> list[str]:
    """The URL of each live node's agent; blocks until Ray answers."""
    return [
        str(httpx.URL("http://", host=node["NodeManagerAddress"], port=node["MetricsExportPort"]))
        + "/metrics"
        for node in ray.nodes()
        if node["Alive"]
    ]


def own_name() -> str:
    """Of the application that this replica is of."""
    return serve.get_replica_context().app_name


class ExportedMetrics:
    """Asked for by one event loop."""

    def __init__(
        self,
        find: Callable[[], list[str]] = agents,
        name: Callable[[], str] = own_name,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._name, self._clock = find, name, clock
        self._transport = transport
        self._asking = asyncio.Lock()
        self._known: tuple[float, bytes] = (-float("inf"), b"")
        self._silent: set[str] = set()

    async def page(self) -> bytes:
        """In Prometheus' text format. Raises StageUnavailable where no agent answers.

        A node whose agent does not answer is left out, and logged when it begins to be silent.
        """
        async with self._asking:
            if self._clock() - self._known[0] > FRESH_S:
                pages = await self._pages()
                text = await asyncio.to_thread(exported, pages, self._name())
                self._known = (self._clock(), text)
        return self._known[1]

    async def _pages(self) -> list[str]:
        try:
            async with asyncio.timeout(_WITHIN_S):
                urls = await asyncio.to_thread(self._find)
        except TimeoutError as error:
            raise StageUnavailable("Ray does not say which nodes there are") from error
        # Not by way of the environment's proxy.
        async with httpx.AsyncClient(
            timeout=_WITHIN_S, transport=self._transport, trust_env=False
        ) as client:
            answers = await asyncio.gather(*(self._fetch(client, url) for url in urls))
        pages = [each for each in answers if each is not None]
        if not pages:
            raise StageUnavailable("no node's metrics agent answers")
        return pages

    async def _fetch(self, client: httpx.AsyncClient, url: str) -> str | None:
        try:
            page = (await client.get(url)).raise_for_status().text
        except httpx.HTTPError as error:
            if url not in self._silent:
                reason = type(error).__name__
                log_event("metrics missing", logging.WARNING, agent=url, reason=reason)
            self._silent.add(url)
            return None
        self._silent.discard(url)
        return page


def exported(pages: Iterable[str], application: str) -> bytes:
    """One page of the series of `application` on all pages, each metric described once."""
    families: dict[str, Metric] = {}
    for page in pages:
        # Ray's own metrics are the larger part, and the parser takes a millisecond for 20 lines.
        ours = "\n".join(line for line in page.splitlines() if line.startswith(_LINES))
        for family in text_string_to_metric_families(ours + "\n"):
            kept = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            kept.samples += [
                sample
                for sample in family.samples
                if sample.labels.get("application") == application
            ]
    return generate_latest(_Families([each for each in families.values() if each.samples]))


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
