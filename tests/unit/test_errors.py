"""Errors cross replicas: they survive a pickle round trip with type, message, and field."""

import pickle

import pytest

from serve_app import errors


def subclasses(root):
    return [root] + [leaf for child in root.__subclasses__() for leaf in subclasses(child)]


@pytest.mark.parametrize("kind", subclasses(errors.ServiceError))
def test_survives_a_pickle_round_trip(kind):
    error = kind("the reason").about("image")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "the reason"
    assert copy.param == "image"
    assert copy.code == kind.code


def test_retry_time_survives_too():
    error = pickle.loads(pickle.dumps(errors.QueueFull("full").after(17)))
    assert error.retry_after_s == 17


def test_a_limit_is_told_with_what_was_sent_and_who_sets_it():
    message = errors.over("n is 11", 10, "limits.max_images")
    assert message == "n is 11; at most 10 (limits.max_images, set by the service's operator)"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1000, "1000 bytes"),
        (1025, "1.1 KiB"),
        (2**25, "32 MiB"),
        (2**25 + 1, "32.1 MiB"),
        (2**33, "8,192 MiB"),
    ],
)
def test_bytes_for_people(count, words):
    assert errors.mebibytes(count) == words
