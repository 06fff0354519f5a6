"""`/v1/jobs`: how requests stand that are answered later."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from serve_app.errors import NotFound
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.jobs.schema import JobList, JobReport
from serve_app.ingress.middleware.keys import owner_of
from serve_app.ingress.openai.event_schema import STREAM
from serve_app.ingress.problems import error_schema
from serve_app.ingress.streaming import start_stream

Id = Annotated[str, Path(description="of the job, as the 202 told it")]

_NUMBER = re.compile("[0-9]{1,18}")


def build_router(jobs: JobCalls | None) -> APIRouter:
    """The routes; they know no job where the configuration keeps none."""
    router = APIRouter(tags=["jobs"], responses=error_schema(404))

    def kept() -> JobCalls:
        if jobs is None:
            raise NotFound("this service is not configured to keep jobs (args.jobs)")
        return jobs

    @router.get("/v1/jobs")
    async def listed(request: Request) -> JobList:
        """The jobs of this key, or all where no keys are asked for; without their results."""
        return await kept().listed(owner_of(request.scope))

    @router.get("/v1/jobs/{id}")
    async def report(id: Id, request: Request) -> JobReport:
        """How a job stands, and when it is done its result or its error."""
        return await kept().report(id, owner_of(request.scope))

    @router.get(
        "/v1/jobs/{id}/events", response_class=Response, responses={200: {"content": STREAM}}
    )
    async def events(
        id: Id,
        request: Request,
        last_event_id: Annotated[
            str | None, Header(description="what was finished up to it is not sent again")
        ] = None,
    ) -> Response:
        """What a stream of the request would send from now on; the last event says how it ended."""
        number = _NUMBER.fullmatch(last_event_id or "")
        after = int(number[0]) if number else 0
        return await start_stream(kept().events(id, owner_of(request.scope), after))

    @router.delete("/v1/jobs/{id}")
    async def cancel(id: Id, request: Request) -> JobReport:
        """Stop a job within a step. One that is done stays as it is."""
        return await kept().cancel(id, owner_of(request.scope))

    return router
