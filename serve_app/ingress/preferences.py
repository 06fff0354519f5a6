"""What a client prefers (RFC 7240, the header `Prefer`)."""

from fastapi import Request

LATER = "respond-async"
STRICT = "handling=strict"


def preferred(request: Request) -> frozenset[str]:
    """Each preference, as `respond-async` or `handling=strict`; its parameters are left out."""
    given = ",".join(request.headers.getlist("prefer")).lower().split(",")
    parts = (each.partition(";")[0].partition("=") for each in given)
    return frozenset(
        name.strip() + equals + value.strip().strip('"') for name, equals, value in parts if name
    )
