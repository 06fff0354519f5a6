"""Checks manifests as the API server does in strict mode: unknown keys are errors."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

KUBERNETES = "1.37"
_SCHEMAS = Path(__file__).parent / "schemas"
_CUSTOM = {
    ("ray.io/v1", "RayService"): "rayservice-v1.json.gz",
    ("monitoring.coreos.com/v1", "PodMonitor"): "podmonitor-v1.json.gz",
}


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def check(manifest: dict[str, Any]) -> None:
    """Raises ValueError where Kubernetes, or the operator's schema, refuses the object."""
    file = _CUSTOM.get((manifest["apiVersion"], manifest["kind"]))
    if file is None:
        try:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise ValueError(f"{'.'.join(map(str, error.path))}: {error.message}") from error
        return
    for error in _validator(file).iter_errors(manifest):
        raise ValueError(f"{'.'.join(map(str, error.path))}: {error.message}")


@cache
def _validator(file: str) -> Draft202012Validator:
    schema = _closed(json.loads(gzip.decompress((_SCHEMAS / file).read_bytes())))
    schema["properties"]["metadata"] = _metadata()
    return Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    """An OpenAPI schema in which an object has no keys but those that are named.

    `x-kubernetes-int-or-string` stands beside an `anyOf` that says the same; `nullable` is
    OpenAPI's own.
    """
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    if "properties" in schema:
        closed["properties"] = {k: _closed(v) for k, v in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            closed[inner] = _closed(schema[inner])
    if schema.get("nullable"):
        return {"anyOf": [closed, {"type": "null"}]}
    return closed


def _metadata() -> dict[str, Any]:
    """What the server itself knows of an object's metadata, and a schema leaves open."""
    text, texts = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}
    known = {"name": text, "namespace": text, "labels": texts, "annotations": texts}
    return {"type": "object", "properties": known, "additionalProperties": False}
