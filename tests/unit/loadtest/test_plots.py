"""Plots are written for what there is to show."""

from PIL import Image

from loadtest import arrivals, plots, report
from loadtest.client import OK, Answer


def run(moments, route="captions", seconds=(0.2, 0.4, 0.9)):
    answers = [Answer(route, OK, 0.0, each, {"queue": 50.0, "caption": 100.0}) for each in seconds]
    return report.summarise(route, moments, answers, 1.0)


def names(paths):
    for path in paths:
        with Image.open(path) as image:
            assert image.width > 500
            assert len(image.convert("RGB").resize((64, 64)).getcolors(4096)) > 20  # no empty page
    return [path.name for path in paths]


def test_a_closed_loop_has_sorted_latencies_and_stages(tmp_path):
    runs = [run(arrivals.closed(3, 1)), run(arrivals.closed(3, 8))]
    drawn = names(plots.draw(runs, tmp_path / "new"))
    assert drawn == ["captions-sorted.png", "captions-where-time-goes.png"]


def test_poisson_arrivals_have_latency_over_rate_too(tmp_path):
    runs = [run(arrivals.poisson(3, rate, 0), "mix") for rate in (1.0, 2.0)]
    assert "mix-over-rate.png" in names(plots.draw(runs, tmp_path))


def test_a_run_without_success_is_left_out(tmp_path):
    assert plots.draw([run(arrivals.closed(3, 1), seconds=())], tmp_path) == []
