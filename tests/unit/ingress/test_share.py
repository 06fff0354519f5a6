"""The share of the limits that is for one replica of the ingress."""

import time

from serve_app.ingress import share
from serve_app.ingress.share import IngressReplicas


def test_the_share_follows_the_number_of_replicas(monkeypatch):
    monkeypatch.setattr(share, "_EVERY_S", 0.01)
    answers = iter([(1, 0), OSError("the controller restarts"), (2, 1), OSError("again")])

    def read():
        answer = next(answers, (3, 1))
        if isinstance(answer, OSError):
            raise answer
        return answer

    seen = IngressReplicas(read)
    deadline = time.monotonic() + 5
    while seen.share(64) != 21 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen.share(64) == 21
