"""How a request asks to be answered later."""

import pytest
from fastapi import Request

from serve_app.ingress.jobs.asking import asking, digest_of
from serve_app.ingress.schema import ImageRequest


def asked(*prefer):
    headers = [(b"prefer", value) for value in prefer]
    return asking(Request({"type": "http", "headers": headers}), None, None)


@pytest.mark.parametrize(
    "prefer",
    [
        [b"respond-async"],
        [b"Respond-Async;x=1"],
        [b"wait=5,respond-async"],
        [b"a", b"respond-async"],
    ],
)
def test_a_preference_as_the_standard_has_it(prefer):
    assert asked(*prefer).later


@pytest.mark.parametrize("prefer", [[], [b"respond"], [b"x;respond-async"], [b"respond-async=no"]])
def test_anything_else_is_answered_at_once(prefer):
    assert not asked(*prefer).later


def test_a_digest_tells_requests_apart():
    one, other = ImageRequest(prompt="x"), ImageRequest(prompt="x", n=2)
    digests = [
        digest_of("a", one), digest_of("b", one), digest_of("a", other), digest_of("a", one, b"x"),
        digest_of("a", one, b"x", None), digest_of("a", one, None, b"x"),
        digest_of("a", one, b"", b"x"),
    ]  # fmt: skip
    assert len(set(digests)) == len(digests)
    assert digest_of("a", ImageRequest(prompt="x")) == digests[0]
