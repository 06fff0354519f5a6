"""`/openapi.json` as a whole: what FastAPI derives from the routes, and what it cannot know.

Headers of answers, API keys, the configuration's limits, and integers that are integers.
"""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from serve_app.config import AppArgs
from serve_app.ingress import described
from serve_app.ingress.described import headers
from serve_app.ingress.middleware.keys import is_open
from serve_app.ingress.openai.event_schema import EVENTS

TAGS = {
    "generation": "Images by OpenAI's Images API and its extensions, and `/generation`.",
    "jobs": "Requests that are answered later.",
    "stages": "One stage at a time: edges, upscaling, captions, classes.",
    "health": "Probes, what is served, metrics.",
    "open inference protocol": "The same models, by KServe v2, as Triton's clients speak it.",
    "web UI": "The API of Stable Diffusion web UI and of its ControlNet extension.",
}
_HEADERS_OF = {
    "401": headers("WWW-Authenticate"),
    "429": headers("Retry-After"),
    "503": headers("Retry-After"),
    "504": headers("X-Should-Retry"),
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key"},
    "basic": {"type": "http", "scheme": "basic", "description": "an API key as the password"},
}
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_INT64_MAX = 2**63 - 1

Node = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """What generated clients call an operation: the function's name, and what tells its paths
    apart."""
    name = re.sub(r"\W", "_", route.name)
    return f"{name}_of_version" if "{version}" in route.path else name


def complete(app: FastAPI, args: AppArgs) -> None:
    """Have `app` add to its document what FastAPI does not know."""
    derive = app.openapi

    def openapi() -> Node:
        if app.openapi_schema is None:
            _complete(derive(), args)
        return derive()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


def _complete(document: Node, args: AppArgs) -> None:
    components = document["components"]
    components["headers"] = described.HEADERS
    _, models = models_json_schema(
        [(event, "serialization") for event in EVENTS],
        ref_template="#/components/schemas/{model}",
    )
    components["schemas"] |= models["$defs"]
    operations = list(_operations(document))
    used = {tag for _, operation in operations for tag in operation["tags"]}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    if args.auth is not None:
        components["securitySchemes"] = _KEYS
        document["security"] = [{name: []} for name in _KEYS]
    components["responses"] = {}
    for path, operation in operations:
        for status, response in operation["responses"].items():
            found = headers("X-Request-ID") | _HEADERS_OF.get(status, {})
            response["headers"] = found | response.get("headers", {})
            if status >= "400":
                # FastAPI gives an error the type of the route's answers, which is not JSON's alone.
                (content,) = response["content"].values()
                response["content"] = {"application/json": content}
                operation["responses"][status] = _shared(status, response, components["responses"])
        if args.auth is not None and is_open(path):
            operation["security"] = []
        for body in operation.get("requestBody", {}).get("content", {}).values():
            _limit(_resolved(body["schema"], document), args)
    _count_in_integers(document)


def _operations(document: Node) -> Iterator[tuple[str, Node]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _resolved(schema: Node, document: Node) -> Node:
    reference = schema.get("$ref", "")
    found: Node = document["components"]["schemas"].get(reference.rpartition("/")[2], schema)
    return found


def _shared(status: str, response: Node, known: Node) -> Node:
    """A reference to an error's response, of which there is one a status and surface."""
    kind = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    name = f"{kind}{status}"
    if known.setdefault(name, response) != response:
        return response
    return {"$ref": f"#/components/responses/{name}"}


def _limit(body: Node, args: AppArgs) -> None:
    """The configuration's limits, of the fields that have these names on any surface."""
    limits = args.limits
    most = {"n": limits.max_images, "batch_size": limits.max_images, "n_iter": limits.max_images}
    most |= dict.fromkeys(("num_inference_steps", "steps"), limits.max_steps)
    longest = dict.fromkeys(("prompt", "negative_prompt", "text"), limits.max_prompt_chars)
    for keyword, of in (("maximum", most), ("maxLength", longest)):
        for name, schema in body.get("properties", {}).items():
            if name in of:
                # The first alternative is not null.
                schema.get("anyOf", [schema])[0][keyword] = of[name]


def _count_in_integers(node: Any) -> None:
    """FastAPI writes all bounds as floating-point numbers, which end at 2**53."""
    if isinstance(node, list):
        for each in node:
            _count_in_integers(each)
    if not isinstance(node, dict):
        return
    if node.get("type") == "integer":
        for bound in _BOUNDS:
            if isinstance(node.get(bound), float):
                node[bound] = min(int(node[bound]), _INT64_MAX)
    for each in node.values():
        _count_in_integers(each)
