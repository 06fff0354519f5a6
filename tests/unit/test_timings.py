from serve_app.messages import StageReport
from serve_app.timings import Timings


def test_concurrent_images_count_as_the_slowest_and_queues_add_up():
    reports = [
        StageReport("canny", 0.1, 0.2, 1),
        StageReport("generate", 0.3, 2.0, 2),
        StageReport("generate", 0.4, 3.0, 2),
    ]
    timings = Timings.of(reports, encode=0.5)
    assert timings.seconds == {"queue": 0.5, "canny": 0.2, "generate": 3.0, "encode": 0.5}


def test_the_header_is_in_milliseconds_and_the_field_in_seconds():
    timings = Timings({"queue": 0.0123456, "canny": 1.0})
    assert timings.header == {"Server-Timing": "queue;dur=12.3, canny;dur=1000.0"}
    assert timings.field == {"queue": 0.0123, "canny": 1.0}
