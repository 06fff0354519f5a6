"""A Serve configuration with its models from folders, and on the CPU."""

import copy
from pathlib import Path
from typing import Any


def on_cpu(config: dict[str, Any], models: Path, dtype: str) -> dict[str, Any]:
    """The same but for where the models come from and where they run.

    Models are `generator`, `controlnet`, `upscaler-x2`, `upscaler-x4`, `captioner` and `classifier`
    below the folder `models`. Ray's counts of CPUs and GPUs go: they are promises about another
    machine, and with too few of them here replicas would wait for ever.
    """
    made = copy.deepcopy(config)
    for application in made["applications"]:
        named = application["args"]["models"]
        for name, model in named.items():
            model["placement"] = {"device": "cpu", "dtype": dtype}
            if "path" in model:
                model["path"] = str(models / name)
        named["generator"]["controlnet"] = str(models / "controlnet")
        named["upscaler"] |= {scale: str(models / f"upscaler-{scale}") for scale in ("x2", "x4")}
        for deployment in application["deployments"]:
            deployment["ray_actor_options"] = {"num_cpus": 0}
    return made
