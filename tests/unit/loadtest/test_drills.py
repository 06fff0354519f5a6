"""What a drill tells of the answers that it saw."""

from loadtest.client import OK, Answer
from loadtest.drills import Drill, _well_again


def answer(sent_s, seconds=1.0, outcome=OK, route="captions"):
    return Answer(route, outcome, sent_s, seconds)


def test_a_row():
    refused = answer(1.0, 0.5, "503 stage_unavailable")
    seen = [answer(-2.0), refused, answer(3.0, 2.5), answer(4.0, 0.1, "connection")]
    assert Drill("Canny", seen).row() == (
        "| Canny | 4 | 1 × 503 stage_unavailable, 1 × connection | 4 | 2.5 |"
    )
    assert Drill("proxy", [answer(0)]).row() == "| proxy | 1 | none | 0 | 1.0 |"


def test_well_again_is_all_well_for_a_while_on_every_route():
    both = [answer(5.0), answer(6.0, route="generation")]
    assert _well_again(both, 20.0)
    assert not _well_again(both, 9.0), "too soon"
    assert not _well_again([answer(5.0), answer(-1.0, route="generation")], 20.0)
    assert not _well_again([*both, answer(14.0, outcome="503")], 20.0)
    assert _well_again([*both, answer(4.0, outcome="503")], 20.0)
