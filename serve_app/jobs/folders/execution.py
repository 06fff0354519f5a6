"""Rows through an actor pool of Ray Data, each row's record as it comes back.

A block has few rows and an actor takes several blocks at once, so that rows of the next blocks fill
an engine's batch while the last ones of a block finish. Rows travel as JSON, without pixels: actors
read and write files themselves, and Ray's object store stays empty.
"""

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from serve_app.jobs.folders import records
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record
from serve_app.jobs.folders.worker import Row, Worker, failed
from serve_app.jobs.one_line import one_line

ROWS_PER_BLOCK = 4
_QUEUED_BLOCKS = 2
_OBJECT_STORE_BYTES = 2**28  # rows only pass through it
_ATTEMPTS = 3  # at rows whose actor dies


@dataclass(frozen=True)
class Pool:
    """Actors, what each takes of a node, and the rows that one works on at the same time."""

    actors: int
    num_cpus: float
    num_gpus: float
    rows_at_once: int


def require_ray_data() -> None:
    """Raises Unusable where the extra is missing."""
    if not (find_spec("pyarrow") and find_spec("pandas")):
        raise Unusable(
            "offline jobs run on Ray Data, which is not installed: pip install '.[offline]'"
        )


def connect(address: str | None) -> None:
    """Join the cluster of `address` or RAY_ADDRESS; without either, start one of this machine.

    Raises Unusable where the cluster is not to be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # whoever wants it nicer says `nice`
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its words are not for users
    import ray

    if ray.is_initialized():
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own: Any = {}
    if address == "local":
        own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **own)
    except Exception as error:  # Ray raises bare ones, such as of a machine too busy to start it
        raise Unusable(f"no Ray at {address}: {one_line(error)}") from error


def processed(
    rows: Sequence[Row],
    stage: type,
    settings: Mapping[str, Any],
    journal: Place,
    pool: Pool,
) -> Iterator[Record]:
    """The record of each row, in the order of finishing; those of failed rows have a `reason`.

    Rows whose actor dies again and again are tried once more one by one, so that the row that kills
    it fails alone.
    """
    left, began = {row["key"]: row for row in rows}, time.time()
    together = _Flow(ROWS_PER_BLOCK, max(1, pool.rows_at_once // ROWS_PER_BLOCK), _QUEUED_BLOCKS)
    for flow in (together, _Flow(rows_per_block=1, blocks_at_once=1, queued_blocks=0)):
        for record in _streamed(list(left.values()), (stage, settings, journal.uri), pool, flow):
            left.pop(record["key"], None)
            yield record
        # A block that was given up may have rows that were finished.
        for record in records.read(journal) if left else ():
            if record["key"] in left and record["finished_at"] >= began:
                del left[record["key"]]
                yield record
    for row in left.values():
        yield failed(row, f"the actor that worked on it died {_ATTEMPTS} times")


@dataclass(frozen=True)
class _Flow:
    """How rows reach an actor; `queued_blocks` wait in it, so that none is waited for."""

    rows_per_block: int
    blocks_at_once: int
    queued_blocks: int


def _streamed(
    rows: Sequence[Row], worker: tuple[Any, ...], pool: Pool, flow: _Flow
) -> Iterator[Record]:
    """What workers of these arguments tell of the rows; nothing of blocks that were given up."""
    from ray.data import ActorPoolStrategy, DataContext, from_items

    if not rows:
        return
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    blocks = -(-len(rows) // flow.rows_per_block)
    items = [{"row": json.dumps(row)} for row in rows]
    with warnings.catch_warnings():
        # The one way to say `max_task_retries`, without which a deadly row is tried for ever.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        told = from_items(items, override_num_blocks=blocks).map_batches(
            Worker,
            fn_constructor_args=worker,
            batch_size=flow.rows_per_block,
            batch_format="numpy",
            num_cpus=pool.num_cpus,
            num_gpus=pool.num_gpus,
            max_task_retries=_ATTEMPTS - 1,
            compute=ActorPoolStrategy(
                size=min(pool.actors, blocks),
                max_concurrent_calls_per_actor=flow.blocks_at_once,
                max_tasks_in_flight_per_actor=flow.blocks_at_once + flow.queued_blocks,
            ),
        )
    for batch in told.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
        yield from map(json.loads, batch["told"])
