"""The page shows pictures from files that are none of ours."""

import re

from serve_app.jobs.evaluate.page import page
from serve_app.jobs.evaluate.run_folder import Left, Problem
from tests.unit.jobs.evaluate.folder import pictures

EVIL = '<script>alert("1")</script>'


def told(image, text=EVIL, task="classify", **worst):
    return Left(
        (),
        [Problem("join", text, text)],
        {
            "task": task,
            "inputs": text,
            "total": 2,
            "measured": 1,
            "metrics": {text: 0.5, "log_loss": None},
            "gate": [{"metric": text, "at_least": 0.9, "value": 0.5, "passed": False}],
            "passed": False,
            "classes": [
                {"class": text, "precision": None, "recall": 0.25, "f1": 0.0, "support": 4}
            ],
            "confusion": {"labels": [text, "b"], "counts": [[0, 1], [2, 0]]},
            "worst": [
                {"id": text, "image": image, "truth": text, "pred": text, "prob": 0.5, **worst}
            ],
            "against": {
                "folder": text,
                "metrics": {text: {"before": 1.0, "now": 0.5, "change": "worse"}},
                "newly_wrong": [text],
                "newly_right": [],
                "only_now": [],
                "only_before": [],
            },
        },
    )


def test_whatever_came_from_files_is_escaped(tmp_path):
    html = page(told(None))
    assert "<script" not in html and '"1"' not in html and html.count("&lt;script&gt;") > 10
    assert "Gate: missed" in html and "no picture" in html and 'class="worse"' in html


def test_pictures_are_in_the_page_itself(tmp_path):
    pictures(tmp_path, "a.png")
    html = page(told(str(tmp_path / "a.png")))
    sources = re.findall(r'src="([^"]+)"', html)
    assert len(sources) == 1 and sources[0].startswith("data:image/png;base64,")


def test_a_broken_picture_is_words(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    assert "no picture" in page(told(str(tmp_path / "a.png")))


def test_a_made_picture_is_shown_with_what_it_was_made_from(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    made, control = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    html = page(told(made, task="generate", control=control, reference=None, edge_f1=0.25))
    assert re.findall(r'alt="(\w+)"', html) == ["image", "control"]
    assert "edge F1: 0.2500" in html and "PSNR" not in html and "prompt: &lt;script" in html
