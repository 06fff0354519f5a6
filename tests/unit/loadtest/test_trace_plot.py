from loadtest.collector import Span
from loadtest.trace_plot import draw, in_order


def span(name, identity, parent, began, ended, events=(), **attributes):
    return Span(name, "t", identity, parent, began, ended, attributes, list(events), False)


STEP = ("step", 2.5, {"image.step": 1, "image.batch_size": 2})
SPANS = [
    span("proxy_http_request Ingress", "1", "client", 1.0, 4.0),
    span("replica_handle_request Ingress __call__", "2", "1", 1.1, 3.9),
    span("replica_handle_request Generator __call__", "4", "2", 1.3, 3.0),
    span("denoise", "5", "4", 1.5, 2.9, [STEP]),
    span("encode", "3", "2", 3.1, 3.2),
]


def test_children_follow_their_parents_in_the_part_that_made_them():
    shown = [(depth, part, each.name.split()[0]) for depth, part, each in in_order(SPANS)]
    assert shown == [
        (0, "proxy", "proxy_http_request"),
        (1, "Ingress", "replica_handle_request"),
        (2, "Generator", "replica_handle_request"),
        (3, "Generator", "denoise"),
        (2, "Ingress", "encode"),
    ]


def test_a_trace_becomes_a_picture(tmp_path):
    draw(SPANS, tmp_path / "trace.png")
    assert (tmp_path / "trace.png").read_bytes().startswith(b"\x89PNG")
