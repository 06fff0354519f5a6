"""What a run leaves to read."""

import csv
import io
import json

import pytest
from PIL import Image
from pyarrow import parquet

from serve_app.jobs.folders import summary, tables
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.running import Outcome
from serve_app.jobs.images import gallery, report
from serve_app.jobs.images.rows import Wanted

HOSTILE = """<script>alert("1")</script> & 'x' #%?.png"""


def record_of(key="a.png", **others):
    return {
        "key": key, "name": key, "image": f"/in/{key}", "prompt": "a dog", "model": "demo",
        "seed": 25, "strength": 0.75, "steps": 11, "width": 8, "height": 8, "caption": None,
        "total_s": 1.0, "finished_at": 10.0, **others,
    }  # fmt: skip


def page(records, failures=(), folder="/out"):
    run = {"id": "abc", "summary": summary.summary(Outcome(list(records), [], list(failures)))}
    return gallery.page(run, list(records), list(failures), Place(folder))


def test_whatever_a_file_is_called_or_says_is_escaped():
    record = record_of(HOSTILE, prompt=HOSTILE, caption=HOSTILE, model=HOSTILE)
    text = page([record], [(HOSTILE, HOSTILE)])
    assert "<script" not in text and "alert(&quot;1&quot;)" in text
    assert (
        'src="../in/%3Cscript%3Ealert%28%221%22%29%3C/script%3E%20%26%20%27x%27%20%23%25%3F.png"'
        in text
    )


def test_a_page_shows_input_and_output_side_by_side():
    text = page([record_of("b c.png", image="/in/b c.jpg")])
    assert 'src="../in/b%20c.jpg"' in text and 'src="b%20c.png"' in text
    assert "seed 25" in text and "model demo" in text and "total 1.000" in text


@pytest.mark.parametrize("image", ["s3://bucket/a.png", "/in/a.tif", None])
def test_an_input_that_a_browser_cannot_show_is_named(image):
    text = page([record_of(image=image)])
    assert text.count("<img") == 1 and "<td>a.png</td>" in text


def test_a_grid_holds_the_first_pictures(tmp_path):
    for number in range(3):
        Image.new("RGB", (300, 100), "red").save(tmp_path / f"{number}.png")
    sheet = gallery.grid(Place.of(tmp_path), ["0.png", "1.png", "2.png"])
    with Image.open(io.BytesIO(sheet)) as image:
        assert image.size == (332, 332)
        assert image.getpixel((84, 84)) == (255, 0, 0)
        assert image.getpixel((250, 250)) == (255, 255, 255)
    assert gallery.grid(Place.of(tmp_path), []) is None


def test_a_summary_counts_and_ranks():
    made = [record_of(total_s=float(n), finished_at=100.0 + n) for n in range(1, 21)]
    told = summary.summary(Outcome(made, [record_of()], [("x", "y")], 30.0))
    assert (told["finished"], told["made"], told["found"], told["failed"]) == (21, 20, 1, 1)
    assert (told["p50_s"], told["p95_s"]) == (10.0, 19.0)
    assert (told["busy_s"], told["images_per_second"]) == (20.0, 1.0)
    words = summary.in_words(told, "out")
    assert "20 made in 30.0 s" in words and "1 were there" in words and "1 failed" in words


def test_a_run_of_nothing_has_a_summary():
    told = summary.summary(Outcome(failures=[("a", "b")]))
    assert (told["images_per_second"], told["p50_s"]) == (0.0, None)
    assert "0 made" in summary.in_words(told, "out")
    assert Outcome(failures=[("a", "b")]).exit_code == 1
    assert Outcome([record_of()], failures=[("a", "b")]).exit_code == 0
    assert Outcome([record_of()], interrupted=True).exit_code == 130


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_is_what_its_suffix_says(tmp_path, suffix):
    place = Place.of(tmp_path / f"t.{suffix}")
    for rows in ([{"id": 'a,"\n', "n": 1.5, "left out": 0}, {"id": "b"}], []):
        tables.write(place, ["id", "n"], rows)
        data = place.read()
        if suffix == "csv":
            found = list(csv.DictReader(io.StringIO(data.decode())))
            assert data.decode().startswith("id,n\n")
            assert [row["id"] for row in found] == [row["id"] for row in rows]
        elif suffix == "jsonl":
            found = [json.loads(line) for line in data.decode().splitlines()]
            assert found == [{"id": row["id"], "n": row.get("n")} for row in rows]
        else:
            found = parquet.read_table(io.BytesIO(data))
            assert found.column_names == ["id", "n"] and found.num_rows == len(rows)


def test_a_table_of_another_suffix_is_refused():
    with pytest.raises(Unusable, match=r"\.csv, \.jsonl, \.parquet"):
        tables.check_suffix(Place("/out/t.xlsx"))


def test_failures_are_a_path_and_a_reason(tmp_path):
    tables.write_failures(Place.of(tmp_path / "f.csv"), [("b,c.png", "late"), ("a.png", "early")])
    assert (tmp_path / "f.csv").read_text() == 'path,reason\na.png,early\n"b,c.png",late\n'


def test_a_run_leaves_its_files(tmp_path):
    place = Place.of(tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    row = {"key": "a.png", "name": "a.png", "settings": "s", "model": "demo"}
    outcome = Outcome([record_of(node="n", read_s=0.5)], failures=[("b.png", "broken")])
    run = report.Run([row], Wanted("image-to-image", 8, 8), outcome, {})
    words = report.write(run, place, "csv")
    assert run.id in words
    (metrics,) = csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines())
    assert (metrics["run"], metrics["output"], metrics["read_s"]) == (run.id, "a.png", "0.5")
    assert json.loads((tmp_path / "run.json").read_text())["summary"]["failed"] == 1
    assert {"grid.png", "index.html", "failures.csv"} <= {p.name for p in tmp_path.iterdir()}


def test_a_runs_id_depends_on_inputs_and_settings_alone():
    row = {"key": "a.png", "name": "a.png", "settings": "s", "model": "demo"}

    def id_of(rows, outcome):
        return report.Run(rows, Wanted("image-to-image", 8, 8), outcome, {}).id

    assert id_of([row], Outcome()) == id_of([row], Outcome([record_of()], seconds=3.0))
    assert id_of([row], Outcome()) != id_of([row | {"settings": "t"}], Outcome())
    assert id_of([row], Outcome()) != id_of([row, row | {"key": "b.png"}], Outcome())
