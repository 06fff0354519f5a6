from serve_app.device.limits import BatchLimits


def limits(general=8):
    now = [0.0]
    return BatchLimits(general, lambda: now[0]), now


def test_halves_for_one_kind_alone():
    made, _ = limits()
    assert made.overflowed("large", 8) == 4
    assert (made.of("large"), made.of("small")) == (4, 8)
    assert made.overflowed("large", 3) == 1
    assert made.overflowed("large", 1) == 1


def test_tries_one_more_after_ten_seconds_and_keeps_what_fits():
    made, now = limits(general=5)
    made.overflowed("large", 8)
    assert made.of("large") == 4
    now[0] = 10.0
    assert made.of("large") == 5
    made.fitted("large", 3)  # fewer wanted to: nothing was learnt
    assert made.of("large") == 5
    made.fitted("large", 5)
    now[0] = 100.0
    assert made.of("large") == 5, "no more than is configured"


def test_waits_twice_as_long_after_each_try_in_vain():
    made, now = limits()
    made.overflowed("large", 4)
    waits = []
    for _ in range(9):
        began = now[0]
        while made.of("large") == 2:
            now[0] += 1
        waits.append(now[0] - began)
        assert made.overflowed("large", 3) == 2
    assert waits == [10, 20, 40, 80, 160, 320, 640, 640, 640]
    now[0] += 640
    made.fitted("large", 3)
    assert made.of("large") == 3
    now[0] += 10
    assert made.of("large") == 4, "after one that fits, the next comes soon"


def test_less_room_than_before_halves_again():
    made, now = limits()
    made.overflowed("large", 8)
    made.overflowed("large", 4)
    assert made.of("large") == 2
    now[0] = 10.0
    made.overflowed("large", 2)
    now[0] = 19.0
    assert made.of("large") == 1
