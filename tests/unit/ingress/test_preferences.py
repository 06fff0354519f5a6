import pytest
from fastapi import Request

from serve_app.ingress.preferences import LATER, STRICT, preferred


def of(*headers):
    found = [(b"prefer", header.encode()) for header in headers]
    return preferred(Request({"type": "http", "headers": found}))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ((), set()),
        (("",), set()),
        (("respond-async",), {LATER}),
        (("Respond-Async; wait=10, handling = strict",), {LATER, STRICT}),
        (("respond-async", 'handling="STRICT"'), {LATER, STRICT}),
        (("handling=lenient",), {"handling=lenient"}),
    ],
)
def test_what_is_preferred(headers, found):
    assert of(*headers) == found
