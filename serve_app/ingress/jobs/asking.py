"""How a request asks to be answered later, and its answer: 202, and where the job is."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse

from serve_app.config import JobSettings
from serve_app.errors import InvalidRequest
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.middleware.keys import owner_of
from serve_app.ingress.openai.work import Work
from serve_app.ingress.preferences import LATER, preferred
from serve_app.ingress.schema import ImageRequest


@dataclass(frozen=True)
class Asking:
    """What a request's headers say of how it is to be answered, and whose it is."""

    later: bool
    key: str | None
    owner: str


def asking(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(
            description="RFC 7240: respond-async for 202 at once, and a job; handling=strict for "
            "a 422 where a field is unknown",
            examples=["respond-async"],
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            description="of a request with respond-async: the same key is the same job",
        ),
    ] = None,
) -> Asking:
    """A dependency of routes."""
    return Asking(LATER in preferred(request), idempotency_key, owner_of(request.scope))


class Later:
    """Starts jobs, where the configuration has them."""

    def __init__(self, jobs: JobCalls | None, settings: JobSettings | None) -> None:
        self._jobs = jobs
        self._hosts = AllowedHosts(settings.webhook_hosts if settings else [])

    def is_asked(self, asking: Asking, body: ImageRequest) -> bool:
        """Whether to answer later. Raises InvalidRequest where a webhook cannot be posted to."""
        later = asking.later and self._jobs is not None
        if body.webhook is not None:
            if not later:
                message = "only with Prefer: respond-async, where the service keeps jobs"
                raise InvalidRequest(message).about("webhook")
            self._hosts.check(body.webhook)
        return later

    async def started(self, asking: Asking, work: Work, digest: str) -> Response:
        """The 202. Raises ServiceError."""
        assert self._jobs is not None
        order = Order(
            secrets.token_urlsafe(16), asking.owner, asking.key, digest, work.body.webhook
        )
        job = await self._jobs.submit(order, work)
        headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": "respond-async"}
        return JSONResponse(job.model_dump(mode="json"), 202, headers)


def digest_of(kind: str, body: ImageRequest, *files: bytes | None) -> str:
    """Tells requests apart: by what was sent, before anything is drawn at random."""
    digest = hashlib.sha256(kind.encode())
    for part in (body.model_dump_json().encode(), *files):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.hexdigest()
