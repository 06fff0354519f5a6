"""Prompts meet pictures, captions and classes by id; what does not fit is told."""

import pytest

from serve_app.jobs.evaluate.generation.join import join
from serve_app.jobs.evaluate.run_folder import Left
from tests.unit.jobs.evaluate.folder import pictures, problems_of, run_of


@pytest.fixture
def joined(tmp_path):
    """A run of seven prompts, of which two have whole pictures."""
    pictures(tmp_path, "a.png", "b.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    control = str(tmp_path / "a.png")

    def row(name, label=None, image=None):
        told = {"label": label, "image": image, "reference": None}
        return {"id": name, "truth": "a red star", "given": {}, **told}

    rows = [row("a", "star", control), row("b", "moon"), row("c"), row("d"), row("e"), row("f")]
    (tmp_path / "outputs.csv").write_text(
        "id,image_path\na,a.png\na,b.png\nb,b.png\nc,cut.png\nd,none.png\ne,\nz,a.png\n"
    )
    (tmp_path / "captions.csv").write_text("id,caption\na,a red star\n")
    (tmp_path / "classes.csv").write_text(
        "id,pred,prob,prob_star,prob_ring\na,ring,0.9,0.1,0.9\nb,ring,0.9,0.1,0.9\n"
    )
    names = ("outputs", "captions", "classes")
    tables = {name: str(tmp_path / f"{name}.csv") for name in names}

    def run(**pipeline):
        run = run_of(tmp_path, task="generate", **pipeline)
        run.write("load", Left(rows, (), {"total": 6}))
        run.write("preprocess", Left(rows))
        run.write("predict", Left((), (), tables))
        return join(run)

    return run


def test_each_prompt_with_its_picture(joined):
    first, second = joined().rows
    assert (first["id"], first["pred"], first["edge_f1"]) == ("a", "a red star", 1)
    assert (first["label"], first["shown"], first["prob"]) == ("star", "ring", 0.1)
    assert first["image"] == first["control"] and first["start"] is None
    assert second["pred"] is second["prob"] is second["edge_f1"] is second["psnr"] is None


def test_a_start_has_no_edges_to_keep(joined):
    first, _ = joined(image="start").rows
    assert first["edge_f1"] is first["control"] is None and first["start"]


def test_what_does_not_fit_is_told(joined):
    told = problems_of(joined())
    assert {
        ("a", "a second prediction: the first counts"),
        ("b", "the captioner said nothing of it"),
        ("b", "'moon' is no class of the classifier"),
        ("e", "no image_path"),
        ("f", "no prediction"),
        ("z", "a prediction for what is not among the inputs"),
    } <= told
    unreadable = {of for of, problem in told if problem.startswith("the picture cannot be read")}
    assert unreadable == {"c", "d"} and len(told) == 8
