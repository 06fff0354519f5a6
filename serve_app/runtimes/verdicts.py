"""Which backends passed their quality gate, with which weights: `serve_app/backends.json`.

`python -m serve_app.jobs.optimise` writes the record; runtimes check it when they load.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from serve_app.model_config import PROJECT_ROOT, RunBy, Source
from serve_app.runtimes.placement import Placed

RECORD = PROJECT_ROOT / "serve_app" / "backends.json"


def weights_of(sources: Sequence[Source]) -> str:
    """A hash of the weights that are loaded from folders, or from hub ids that were downloaded."""
    digest = hashlib.sha256()
    for source in sources:
        folder = folder_of(source)
        for file in loaded_files(folder, source.variant):
            digest.update(file.relative_to(folder).as_posix().encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


def folder_of(source: Source) -> Path:
    """Where a source's files are on this machine."""
    if Path(source.path).is_dir():
        return Path(source.path)
    return Path(snapshot_download(source.path, revision=source.revision, local_files_only=True))


def loaded_files(folder: Path, variant: str | None) -> list[Path]:
    """The weights that diffusers and transformers load from a model's folder, sorted.

    Other variants beside them, other formats and a pipeline's safety checker are none of it.
    """
    index = folder / "model_index.json"
    if index.exists():
        named = sorted(set(json.loads(index.read_text())) - {"safety_checker"})
        # A part that has no such variant is loaded without.
        parts = [_weights(folder / name, variant) or _weights(folder / name) for name in named]
        return sorted(file for files in parts for file in files)
    return _weights(folder, variant)


def _weights(folder: Path, variant: str | None = None) -> list[Path]:
    """One model's file, or the files that its index names; none where there are none."""
    infix = f".{variant}" if variant else ""
    for stem in ("diffusion_pytorch_model", "model"):
        whole = folder / f"{stem}{infix}.safetensors"
        if whole.exists():
            return [whole]
        index = folder / f"{stem}.safetensors.index{infix}.json"
        if index.exists():
            shards: dict[str, str] = json.loads(index.read_text())["weight_map"]
            return [folder / name for name in sorted(set(shards.values()))]
    return []


def recorded() -> list[dict[str, Any]]:
    """The verdicts: model, weights, backend, device, dtype, passed, failures and measures."""
    verdicts: list[dict[str, Any]] = json.loads(RECORD.read_text()) if RECORD.exists() else []
    return verdicts


def require_passed(kind: str, model: RunBy, sources: Sequence[Source], placed: Placed) -> None:
    """Raises ValueError for a backend that has not passed with these weights, in this place.

    Eager is the baseline of the others, and needs no verdict.
    """
    if model.backend == "eager" or model.unproven_backend:
        return
    wanted = key(kind, weights_of(sources), model.backend, placed)
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
    """The fields that identify a verdict in the record."""
    dtype = str(placed.dtype).removeprefix("torch.")
    about = {"model": kind, "weights": weights, "backend": backend}
    return about | {"device": placed.device.type, "dtype": dtype}
