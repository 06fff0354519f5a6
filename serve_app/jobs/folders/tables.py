"""Tables as CSV, JSONL or parquet, by the suffix of their name; `failures.csv`."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.running import Failure

SUFFIXES = (".csv", ".jsonl", ".parquet")


def check_suffix(place: Place) -> None:
    """Raises Unusable for a table of another suffix."""
    if PurePosixPath(place.name).suffix not in SUFFIXES:
        raise Unusable(f"{place.name}: a table is {', '.join(SUFFIXES)}")


def write(place: Place, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with these columns in this order. Raises OSError."""
    kept = [{name: row.get(name) for name in columns} for row in rows]
    suffix = PurePosixPath(place.name).suffix
    if suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pylist(kept) if kept else pa.table({name: [] for name in columns})
        out = io.BytesIO()
        parquet.write_table(table, out)
        place.write(out.getvalue())
    elif suffix == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        place.write("".join(lines).encode())
    else:
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        place.write(text.getvalue().encode())


def write_failures(place: Place, failures: Sequence[Failure]) -> None:
    """`path,reason`, sorted; the header alone where nothing failed. Raises OSError."""
    rows = [{"path": path, "reason": reason} for path, reason in sorted(failures)]
    write(place, ["path", "reason"], rows)
