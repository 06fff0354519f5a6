"""Rows through an actor pool of Ray Data, each row's record as it comes back.

A block has few rows and an actor takes several blocks at once, so that rows of the next blocks fill
an engine's batch while the last ones of a block finish. Rows travel as JSON, without pixels: actors
read and write files themselves, and Ray's object store stays empty.
"""

import asyncio
import json
import logging
import os
import resource
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from serve_app.errors import ServiceError
from serve_app.jobs.folders import records
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Journal, Record

ROWS_PER_BLOCK = 4
_QUEUED_BLOCKS = 2  # more than run, so that none is waited for
_OBJECT_STORE_BYTES = 2**28  # rows only pass through it
_ATTEMPTS = 3  # at rows whose actor dies
logger = logging.getLogger(__name__)

Row = dict[str, Any]
"""`key` names what becomes of it, `settings` is a hash of all that it depends on but the input."""


class Stage(Protocol):
    """What is done to a row, in an actor. Made once by `Stage(settings, gpu_share)`."""

    async def process(self, row: Row) -> Record:
        """What is to be told of it. Raises ServiceError and OSError for a row that cannot be."""
        ...

    def check(self) -> None:
        """Raises RuntimeError where this process is of no more use."""
        ...


@dataclass(frozen=True)
class Pool:
    """Actors, what each takes of a node, and the rows that one works on at the same time."""

    actors: int
    num_cpus: float
    num_gpus: float
    rows_at_once: int


class Worker:
    """Runs a stage on blocks of rows. One that cannot be loaded fails its rows, not the run."""

    def __init__(self, stage: Any, settings: Mapping[str, Any], journal: str) -> None:
        import ray

        self._node = socket.gethostname()
        self._journal = Journal(Place(journal))
        self._broken = ""
        self._stage: Stage | None = None
        share = ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0)
        try:
            self._stage = stage(settings, float(share))
        except Exception as error:
            logger.exception("the stage cannot be loaded")
            self._broken = f"the model cannot be loaded: {_one_line(error)}"

    async def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        rows = [json.loads(row) for row in batch["row"]]
        told = await asyncio.gather(*map(self._told, rows))
        await asyncio.to_thread(self._journal.flush)
        return {"told": [json.dumps(each) for each in told]}

    async def _told(self, row: Row) -> Record:
        began = time.monotonic()
        try:
            if self._stage is None:
                return _failed(row, self._broken)
            made = await self._stage.process(row)
            record = {
                **{name: row[name] for name in ("key", "settings", "name", "image")},
                **made,
                "total_s": time.monotonic() - began,
                "finished_at": time.time(),
                "node": self._node,
                **_memory(),
            }
            self._journal.write(record)
            return record
        except (ServiceError, OSError) as error:
            self._leave_if_hopeless()
            return _failed(row, _one_line(error))
        except Exception as error:
            logger.exception("a row failed")
            self._leave_if_hopeless()
            return _failed(row, f"{type(error).__name__}: {_one_line(error)}")

    def _leave_if_hopeless(self) -> None:
        """Let Ray start another actor, which does this one's rows again."""
        try:
            if self._stage is not None:
                self._stage.check()
        except RuntimeError:
            logger.exception("this actor is of no more use")
            os._exit(1)


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
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Unusable(f"no Ray at {address}: {_one_line(error)}") from error


def processed(
    rows: Sequence[Row],
    stage: type,
    settings: Mapping[str, Any],
    journal: Place,
    pool: Pool,
) -> Iterator[Record]:
    """The record of each row, in the order of finishing; those of failed rows have a `reason`."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    if not rows:
        return
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # their rows are told as failures below
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    blocks = -(-len(rows) // ROWS_PER_BLOCK)
    calls = max(1, pool.rows_at_once // ROWS_PER_BLOCK)
    items = [{"row": json.dumps(row)} for row in rows]
    with warnings.catch_warnings():
        # The one way to say `max_task_retries`, without which a deadly row is tried for ever.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        told = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
            Worker,
            fn_constructor_args=(stage, settings, journal.uri),
            batch_size=ROWS_PER_BLOCK,
            batch_format="numpy",
            num_cpus=pool.num_cpus,
            num_gpus=pool.num_gpus,
            max_task_retries=_ATTEMPTS - 1,
            compute=ActorPoolStrategy(
                size=min(pool.actors, blocks),
                max_concurrent_calls_per_actor=calls,
                max_tasks_in_flight_per_actor=calls + _QUEUED_BLOCKS,
            ),
        )
    missing, began = {row["key"]: row for row in rows}, time.time()
    for batch in told.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
        for record in map(json.loads, batch["told"]):
            missing.pop(record["key"], None)
            yield record
    if not missing:
        return
    # A block that was given up may have rows that were finished.
    finished = {each["key"]: each for each in records.read(journal)}
    for key, row in missing.items():
        if key in finished and finished[key]["finished_at"] >= began:
            yield finished[key]
        else:
            yield _failed(row, f"the actor that worked on it died {_ATTEMPTS} times")


def _failed(row: Row, reason: str) -> Record:
    return {"key": row["key"], "name": row["name"], "image": row["image"], "reason": reason}


def _memory() -> dict[str, float]:
    """Peaks of this process until now, in MB."""
    peaks = {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    torch: Any = sys.modules.get("torch")
    on_gpu = torch is not None and torch.cuda.is_initialized()
    return peaks | {"gpu_memory_mb": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0.0}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
