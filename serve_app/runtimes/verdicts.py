"""Which backends passed their quality gate, with which weights: `serve_app/backends.json`.

`python -m serve_app.jobs.optimise` writes the record, and a runtime looks into it before it serves.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from serve_app.config import PROJECT_ROOT, RunBy
from serve_app.runtimes.placement import Placed

RECORD = PROJECT_ROOT / "serve_app" / "backends.json"


def weights_of(paths: Sequence[str]) -> str:
    """A hash of the safetensors files of folders, or of hub ids that were downloaded."""
    digest = hashlib.sha256()
    for path in paths:
        folder = (
            Path(path)
            if Path(path).is_dir()
            else Path(snapshot_download(path, local_files_only=True))
        )
        for file in sorted(folder.rglob("*.safetensors")):
            digest.update(file.relative_to(folder).as_posix().encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


def recorded() -> list[dict[str, Any]]:
    """The verdicts: model, weights, backend, device, dtype, passed, failures and measures."""
    verdicts: list[dict[str, Any]] = json.loads(RECORD.read_text()) if RECORD.exists() else []
    return verdicts


def require_passed(kind: str, model: RunBy, paths: Sequence[str], placed: Placed) -> None:
    """Raises ValueError for a backend that has not passed with these weights, in this place.

    Eager is what the others are measured against, and needs no verdict.
    """
    if model.backend == "eager" or model.unproven_backend:
        return
    wanted = key(kind, weights_of(paths), model.backend, placed)
    found = [each for each in recorded() if wanted.items() <= each.items()]
    if found and found[0]["passed"]:
        return
    why = f"failed ({'; '.join(found[0]['failures'])})" if found else "was not measured"
    raise ValueError(
        f"the {kind}'s backend {model.backend} {why} with these weights on "
        f"{placed.device.type} in {wanted['dtype']}. `python -m serve_app.jobs.optimise {kind}` "
        "measures it; `unproven_backend: true` runs it all the same"
    )


def key(kind: str, weights: str, backend: str, placed: Placed) -> dict[str, str]:
    """What a verdict is about, as in the record."""
    dtype = str(placed.dtype).removeprefix("torch.")
    about = {"model": kind, "weights": weights, "backend": backend}
    return about | {"device": placed.device.type, "dtype": dtype}
