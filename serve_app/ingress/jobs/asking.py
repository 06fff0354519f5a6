"""How a request asks to be answered: later, or only once, however often it is sent."""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from serve_app.ingress.middleware.keys import owner_of
from serve_app.ingress.preferences import LATER, preferred
from serve_app.ingress.schema import Body


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
            description="the same request with the same key is made once, and answered alike",
        ),
    ] = None,
) -> Asking:
    """A dependency of routes."""
    return Asking(LATER in preferred(request), idempotency_key, owner_of(request.scope))


Headers = Annotated[Asking, Depends(asking)]


def digest_of(kind: str, *sent: Body | bytes | None) -> str:
    """Tells requests apart: by what was sent, before anything is drawn at random.

    `deadline_ms` is left out: who asks again has less time left.
    """
    digest = hashlib.sha256(kind.encode())
    for each in sent:
        if isinstance(each, Body):
            part: bytes | None = each.model_dump_json(exclude={"deadline_ms"}).encode()
        else:
            part = each
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.hexdigest()
