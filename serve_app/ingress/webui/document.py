"""What `/openapi.json` says of the errors of web UI's routes."""

from typing import Any

from serve_app.ingress.problems import error_schema


def errors() -> dict[int | str, dict[str, Any]]:
    """The `responses` that the routes share: every route's, with web UI's `detail` and `errors`,
    which repeat the message."""
    return {status: response | _told_twice(response) for status, response in error_schema().items()}


def _told_twice(response: dict[str, Any]) -> dict[str, Any]:
    schema = response["content"]["application/json"]["schema"]
    texts = {name: {"type": "string"} for name in ("detail", "errors")}
    schema = schema | {
        "required": [*schema["required"], *texts],
        "properties": schema["properties"] | texts,
    }
    return {"content": {"application/json": {"schema": schema}}}
