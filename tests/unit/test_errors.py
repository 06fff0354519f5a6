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
