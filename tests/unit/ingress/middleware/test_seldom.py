from serve_app.ingress.middleware.seldom import Seldom


def test_each_key_once_a_minute_and_few_keys():
    now = 0.0
    seldom = Seldom(every_s=60, keys=2, clock=lambda: now)
    assert [seldom.lets(key) for key in ("a", "a", "b", "c", "b")] == [
        True,
        False,
        True,
        False,
        False,
    ]
    now = 59.0
    assert not seldom.lets("a")
    now = 60.0
    assert [seldom.lets(key) for key in ("c", "a", "b")] == [True, True, False]
