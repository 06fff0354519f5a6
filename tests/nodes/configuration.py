"""`serve_config.yaml` for two nodes, derived as a user would edit it."""

from pathlib import Path
from typing import Any

import yaml

from serve_app.model_config import PROJECT_ROOT


def for_two_nodes(path: Path, **application: Any) -> Path:
    """Every deployment with a replica on each node. Networks run eagerly, but for the captioner's,
    which each node converts for itself; `application` are more keys of the application's."""
    content = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    content["http_options"]["host"] = "0.0.0.0"
    (images,) = content["applications"]
    images |= application
    for name in ("generator", "upscaler"):
        images["args"]["models"][name]["backend"] = "eager"
    for deployment in images["deployments"]:
        deployment["max_replicas_per_node"] = 1
        if "num_replicas" in deployment:
            deployment["num_replicas"] = 2
        else:
            deployment["autoscaling_config"]["min_replicas"] = 2
    path.write_text(yaml.safe_dump(content))
    return path
