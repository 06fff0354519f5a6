"""Which backends passed their quality gate, with which weights and on which kind of machine.

`python -m serve_app.jobs.optimise` writes the record that a model's `verdicts` names, otherwise the
packaged one, which has the demo's weights: `serve_app/backends.json`. Runtimes check both.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from serve_app.model_config import PROJECT_ROOT, RunBy, Source
from serve_app.runtimes.machine import kind_of
from serve_app.runtimes.placement import Placed

RECORD = PROJECT_ROOT / "serve_app" / "backends.json"
ABOUT = ("model", "weights", "backend", "device", "dtype", "machine")
"""The fields that tell verdicts apart."""
_logger = logging.getLogger("ray.serve")  # a replica's log


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


def recorded(path: Path) -> list[dict[str, Any]]:
    """The verdicts in a record: fields of `ABOUT`, `passed`, `failures`, and what was measured.

    None where there is no file. Raises ValueError for a file that is no record.
    """
    if not path.exists():
        return []
    try:
        verdicts: list[dict[str, Any]] = json.loads(path.read_text())
        if isinstance(verdicts, list) and all(
            {*ABOUT, "passed", "failures"} <= each.keys() for each in verdicts
        ):
            return verdicts
    except (ValueError, AttributeError, TypeError):
        pass
    raise ValueError(
        f"{path} is no record of verdicts; `python -m serve_app.jobs.optimise` writes one"
    )


def require_passed(kind: str, model: RunBy, sources: Sequence[Source], placed: Placed) -> None:
    """Raises ValueError for a backend that has not passed with these weights, in this place.

    Eager is the baseline of the others, and needs no verdict. One of another kind of machine counts
    where there is none of this kind, and leaves a warning in the log.
    """
    if model.backend == "eager" or model.unproven_backend:
        return
    wanted = key(kind, weights_of(sources), model.backend, placed)
    found, here = _verdicts_on(wanted, model), kind_of(placed.device)
    found = [each for each in found if each["machine"] == here] or found
    failed = [each for each in found if not each["passed"]]
    measure = (
        f"`python -m serve_app.jobs.optimise {kind} --backends {model.backend} "
        "--config FILE --pictures FOLDER`"
    )
    if not found or failed:
        why = f"failed ({'; '.join(failed[0]['failures'])})" if failed else "was not measured"
        raise ValueError(
            f"the {kind}'s backend {model.backend} {why} with these weights on "
            f"{placed.device.type} in {wanted['dtype']}. {measure} "
            "measures it; `unproven_backend: true` runs it all the same"
        )
    machine = found[0]["machine"]
    if machine != here:
        _logger.warning(
            f"the {kind}'s backend {model.backend} passed on another kind of machine, {machine}; "
            f"this one is {here}. {measure} measures it here"
        )


def _verdicts_on(wanted: dict[str, str], model: RunBy) -> list[dict[str, Any]]:
    """Of the configured record, or of the packaged one where that has none."""
    for path in (model.verdicts, RECORD):
        found = recorded(path) if path else []
        if found := [each for each in found if wanted.items() <= each.items()]:
            return found
    return []


def key(kind: str, weights: str, backend: str, placed: Placed) -> dict[str, str]:
    """What a verdict is on; the machine that it was taken on is another of its fields."""
    dtype = str(placed.dtype).removeprefix("torch.")
    about = {"model": kind, "weights": weights, "backend": backend}
    return about | {"device": placed.device.type, "dtype": dtype}
