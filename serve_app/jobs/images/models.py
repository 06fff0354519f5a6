"""Which generator makes which picture: the names of `model_names.txt`, and how they are drawn."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from serve_app.jobs.folders.inputs import Unusable
from serve_app.model_config import PROJECT_ROOT, GeneratorModel

MODEL_NAMES = "model_names.txt"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def names_of(text: str) -> list[str]:
    """A name a line; empty lines and those that begin with `#` are none."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def resolved(
    names: Iterable[str], configured: Sequence[GeneratorModel], folder: Path | None
) -> dict[str, GeneratorModel]:
    """The model of each name.

    A name is that of a configured model; or a folder of weights, relative to `folder` or to the
    project; or a hub id. The last two are run eagerly with the first configured model's ControlNet
    and placement. Raises Unusable for a name that is none of these.
    """
    known = {model.name: model for model in configured}
    return {name: known.get(name) or _from_path(name, configured, folder) for name in names}


def _from_path(
    name: str, configured: Sequence[GeneratorModel], folder: Path | None
) -> GeneratorModel:
    for root in (folder, PROJECT_ROOT):
        if root is not None and (root / name / "model_index.json").is_file():
            path = str(root / name)
            break
    else:
        if not _HUB_ID.fullmatch(name) or (PROJECT_ROOT / name).exists():
            known = ", ".join(model.name for model in configured)
            raise Unusable(
                f"unknown model {name!r}: it is none of the configured ones ({known}), no folder "
                "with a model_index.json, and no hub id"
            )
        path = name
    others = {"name": name, "path": path, "revision": "main", "variant": None, "backend": "eager"}
    return GeneratorModel.model_validate(configured[0].model_dump() | others)


def drawn(names: Sequence[str], seed: int, inputs: Sequence[str]) -> Mapping[str, str]:
    """A name for each input, at random: the same for the same seed, whatever other inputs there
    are."""
    return {each: random.Random(f"{seed}:{each}").choice(names) for each in inputs}
