"""Clients that ask a service on several nodes for everything it offers."""

import asyncio
import random
import time
from collections.abc import Mapping

import aiohttp

from loadtest.client import OK, Answer, send
from loadtest.unruly import NONSENSE, any_request

LIMIT_S = 90


class Load:
    """Each client asks one proxy, one request after the other; nothing is sent twice."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """`urls` are the proxies', by name."""
        self.answers: dict[str, list[Answer]] = {name: [] for name in urls}
        self.health: list[tuple[float, int]] = []
        """When `/health` was asked at the first proxy, and the status."""
        self._urls = urls
        self._began = time.perf_counter()
        self._asking = True

    def now(self) -> float:
        """Seconds since the beginning, as `sent_s` of the answers."""
        return time.perf_counter() - self._began

    async def run(self, clients: Mapping[str, int], script) -> None:
        """So many clients by proxy, until `script()` has ended; all get their answer."""
        async with asyncio.TaskGroup() as tasks:
            for name, count in clients.items():
                for seed in range(count):
                    tasks.create_task(self._ask(name, seed))
            tasks.create_task(self._look(next(iter(self._urls))))
            try:
                await script()
            finally:
                self._asking = False

    def bad(self, name: str) -> list[Answer]:
        return [each for each in self.answers[name] if each.outcome != OK]

    async def _ask(self, name: str, seed: int) -> None:
        rng = random.Random(seed)
        async with aiohttp.ClientSession(self._urls[name]) as session:
            while self._asking:
                request = any_request(rng)
                if request.route != NONSENSE:
                    answer = await send(session, request, LIMIT_S, sent_s=self.now())
                    self.answers[name].append(answer)
                    await asyncio.sleep(1 if answer.outcome != OK else 0)

    async def _look(self, name: str) -> None:
        async with aiohttp.ClientSession(self._urls[name]) as session:
            while self._asking:
                async with session.get("/health") as answer:
                    self.health.append((self.now(), answer.status))
                await asyncio.sleep(0.5)
