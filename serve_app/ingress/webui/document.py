"""What `/openapi.json` says of the errors of web UI's routes."""

from typing import Any

from pydantic import Field

from serve_app.ingress.problems import ErrorBody, error_schema


class WebuiErrorBody(ErrorBody):
    """Every error's body, with the message where web UI's clients look too."""

    detail: str = Field(description="the message")
    errors: str = Field(description="the message")


def errors() -> dict[int | str, dict[str, Any]]:
    """The `responses` that the routes share."""
    return {
        status: response | {"model": WebuiErrorBody} for status, response in error_schema().items()
    }
