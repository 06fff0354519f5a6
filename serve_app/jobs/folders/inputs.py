"""What there is to do: the images of a folder in sorted order, or the rows of a manifest."""

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from serve_app.jobs.folders.places import Place

SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"]
)  # of the formats that `imaging.codec` reads


class Unusable(Exception):
    """The command cannot do what it is asked for; the message says why, in one line."""


@dataclass(frozen=True)
class Input:
    """An image and what is said of it. `given` are a manifest's other columns, not empty ones.

    `name` is the image's as it was written: unique in a folder.
    """

    name: str
    image: Place | None
    size_bytes: int | None
    given: Mapping[str, Any]
    root: Place | None = None  # what relative paths of the manifest start at

    def beside(self, path: str) -> Place:
        """What a path in a manifest's column stands for."""
        return self.root.joined(path) if self.root is not None else Place.of(path)

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


@dataclass(frozen=True)
class Listing:
    """`left_out` are files that are no images by their suffix, or whose name is no UTF-8."""

    inputs: Sequence[Input]
    left_out: Sequence[str] = ()


def folder(place: Place, besides: frozenset[str] = frozenset()) -> Listing:
    """The images of a folder, sorted by name; hidden files and those of `besides` are no matter.

    Raises Unusable where there are none, OSError.
    """
    if not place.is_folder():
        raise Unusable(f"{place.uri} is no folder")
    files = [each for each in place.files() if not each[0].startswith(".")]
    images = [each for each in files if _is_image(each[0])]
    others = [name for name, _ in files if name not in {name for name, _ in images} | besides]
    if not images:
        raise Unusable(f"{place.uri} has no images")
    return Listing([Input(name, place / name, size, {}) for name, size in images], others)


def _is_image(name: str) -> bool:
    utf8 = not any("\ud800" <= char <= "\udfff" for char in name)
    return utf8 and PurePosixPath(name).suffix.lower() in SUFFIXES


def manifest(
    place: Place, columns: frozenset[str], root: Place | None, images: bool = True
) -> Listing:
    """The rows of a CSV, JSONL or parquet file, in its order.

    Its column `image` is a path: absolute, a URI, or relative to `root`, by default the manifest's
    own folder. Raises Unusable for columns that are not among `columns`, and for rows without an
    image where there must be `images`; OSError.
    """
    rows = read_rows(place)
    if not rows:
        raise Unusable(f"{place.name} has no rows")
    unknown = {name for row in rows for name in row} - columns - {"image"}
    if unknown:
        known = ", ".join(sorted(columns | {"image"}))
        raise Unusable(f"{place.name}: unknown column {sorted(unknown)[0]!r}; known are {known}")
    inputs = []
    for number, row in enumerate(rows, 1):
        given = {name: value for name, value in row.items() if value not in (None, "")}
        path = str(given.pop("image", ""))
        if images and not path:
            raise Unusable(f"{place.name}, row {number}: no image")
        name = path or str(given.get("name", f"row-{number:06}"))
        start = root or place.folder
        image = start.joined(path) if path else None
        inputs.append(Input(name, image, None, given, start))
    return Listing(inputs)


def read_rows(place: Place) -> list[dict[str, Any]]:
    """A table's rows. Raises Unusable for what is no CSV, JSONL or parquet, OSError."""
    suffix = PurePosixPath(place.name).suffix.lower()
    data = place.read()
    try:
        if suffix == ".csv":
            return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        if suffix in (".jsonl", ".ndjson"):
            rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("a line is no object")
            return rows
        if suffix == ".parquet":
            from pyarrow import parquet

            found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
            return found
    except (ValueError, csv.Error) as error:
        raise Unusable(f"{place.name}: {error}") from error
    raise Unusable(f"{place.name}: a manifest is .csv, .jsonl or .parquet")


def output_names(names: Sequence[str], reserved: frozenset[str]) -> list[str]:
    """A name without suffix for what each file becomes, given theirs.

    Its own without the suffix; with the suffix where others have the same, or where it is among
    `reserved`; with a number behind where that is taken too.
    """
    files = [PurePosixPath(name) for name in names]
    stems = Counter(file.stem for file in files)
    wanted = [
        file.stem if stems[file.stem] == 1 and file.stem not in reserved else file.name
        for file in files
    ]
    count, taken = Counter(wanted), {*reserved, *wanted}
    numbers = {name: itertools.count(1) for name in count}
    found = []
    for name in wanted:
        if count[name] > 1 or name in reserved:
            numbered = (f"{name}-{number}" for number in numbers[name])
            name = next(each for each in numbered if each not in taken)
            taken.add(name)
        found.append(name)
    return found
