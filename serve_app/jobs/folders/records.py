"""What is done, told by whoever did it, so that a second start does the rest.

A record is a line of JSON. On a local file system each worker appends to a file of its own: what a
killed worker had done stays told, and a line that it left half written is no record. Object stores
cannot append: there a worker writes what it has at every `flush`.
"""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from serve_app.jobs.folders.places import Place

Record = dict[str, Any]
_READERS = 8


class Journal:
    """One worker's records, in the folder `place`. Thread-safe; raises OSError."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._path = place.local / _new_name() if place.local is not None else None
        self._kept: list[str] = []
        place.make_folder()

    def write(self, record: Record) -> None:
        line = json.dumps(record)
        with self._lock:
            if self._path is None:
                self._kept.append(line)
                return
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def flush(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, []
        if kept:
            (self._place / _new_name()).write(("\n".join(kept) + "\n").encode())


def read(place: Place) -> list[Record]:
    """All that was told, each `key`'s last record alone."""
    if not place.is_folder():
        return []
    names = [name for name, _ in place.files() if name.endswith(".jsonl")]
    with ThreadPoolExecutor(_READERS) as readers:
        texts = readers.map(lambda name: (place / name).read().decode(errors="replace"), names)
    latest: dict[str, Record] = {}
    for line in (line for text in texts for line in text.splitlines()):
        with suppress(ValueError, KeyError, TypeError):  # half a line
            record = json.loads(line)
            before = latest.get(record["key"])
            if before is None or before["finished_at"] <= record["finished_at"]:
                latest[record["key"]] = record
    return list(latest.values())


def finished(
    rows: Sequence[Mapping[str, Any]], told: Iterable[Record], output: Callable[[str], Place] | None
) -> list[Record]:
    """The records of rows that need not be done again.

    The record has the row's settings, the input's bytes are those of then, and `output(key)`, what
    became of it, is there.
    """
    by_key = {record["key"]: record for record in told}

    def unchanged(row: Mapping[str, Any]) -> Record | None:
        record = by_key.get(row["key"])
        if record is None or record["settings"] != row["settings"]:
            return None
        try:
            if output is not None and not output(row["key"]).exists():
                return None
            files = [place for place in (row["image"], row.get("mask")) if place is not None]
            data = b"".join(Place(place).read() for place in files)
            same = not files or digest(data) == record["input_sha256"]
        except OSError:
            return None
        return record if same else None

    with ThreadPoolExecutor(_READERS) as readers:
        return [record for record in readers.map(unchanged, rows) if record is not None]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_of(settings: Any) -> str:
    """Of anything that JSON can say; short, for names and comparisons."""
    return digest(json.dumps(settings, sort_keys=True).encode())[:16]


def _new_name() -> str:
    return f"{uuid.uuid4().hex}.jsonl"
