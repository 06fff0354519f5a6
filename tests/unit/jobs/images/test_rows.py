"""Rows are the service's requests, and know when a picture must be made again."""

from dataclasses import replace

import pytest
import yaml

from serve_app.config import AppArgs, Limits
from serve_app.ingress.conversion import image_generation
from serve_app.ingress.schema import ImageRequest
from serve_app.jobs.folders.inputs import Input, Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.images import models
from serve_app.jobs.images.rows import Wanted, default_size, rows_of
from serve_app.messages import GenerationRequest
from serve_app.model_config import PROJECT_ROOT

CONFIG = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
DEMO = AppArgs.model_validate(CONFIG["applications"][0]["args"])
GENERATOR = DEMO.models.generator
WANTED = Wanted("image-to-image", 128, 128)


def row_of(file="a_red_circle.png", wanted=WANTED, settings=DEMO, size=None, **given):
    each = Input(file, Place(f"/in/{file}"), size, given)
    rows, refused = rows_of([each], wanted, settings, {"demo": GENERATOR}, {file: "demo"})
    return rows[0] if rows else refused[0][1]


def test_a_rows_request_is_the_one_that_the_service_makes():
    body = ImageRequest(
        prompt="a red circle", size="128x128", seed=25, strength=0.75, guidance_scale=7.5
    )
    served, _ = image_generation(body, DEMO)
    wanted = replace(WANTED, num_inference_steps=DEMO.defaults.num_inference_steps)
    assert GenerationRequest(**row_of(wanted=wanted)["request"]) == served


def test_the_size_is_256_or_the_configurations_where_that_is_smaller():
    assert default_size(DEMO) == (128, 128)
    large = DEMO.model_copy(update={"defaults": DEMO.defaults.model_copy(update={"width": 512})})
    assert default_size(large) == (256, 128)


def test_a_manifest_has_the_last_word():
    request = row_of(prompt="a dog", seed="7", strength="0.5", num_inference_steps="3")["request"]
    found = [request[name] for name in ("prompt", "seed", "strength", "num_inference_steps")]
    assert found == ["a dog", 7, 0.5, 3]
    assert row_of(name="y")["key"] == "y.png"


@pytest.mark.parametrize(
    "given",
    [
        {"seed": "-1"}, {"seed": "x"}, {"seed": 1.5}, {"seed": 2**63}, {"strength": "2"},
        {"strength": float("nan")}, {"num_inference_steps": 0}, {"prompt": "x" * 2001},
        {"size": 2**40},
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_failure(given):
    reason = row_of(**given)
    assert isinstance(reason, str)
    assert "\n" not in reason


def test_numbers_of_a_parquet_are_numbers():
    assert row_of(seed=7.0)["request"]["seed"] == 7


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 26}, {"strength": 0.7}, {"guidance_scale": 7.0}, {"task": "controlnet"},
        {"upscale": 2}, {"caption": True}, {"sampler": "euler"}, {"width": 64},
    ],
)  # fmt: skip
def test_other_settings_make_the_picture_again(change):
    assert row_of(wanted=replace(WANTED, **change))["settings"] != row_of()["settings"]


def test_settings_that_change_no_picture_do_not():
    others = DEMO.model_copy(update={"limits": Limits(max_images=2)})
    models_ = DEMO.models.model_copy(
        update={"captioner": DEMO.models.captioner.model_copy(update={"max_new_tokens": 3})}
    )
    others = others.model_copy(update={"models": models_})
    assert row_of(settings=others)["settings"] == row_of()["settings"]


def test_text_to_image_reads_no_input():
    assert row_of(wanted=replace(WANTED, task="text-to-image"))["image"] is None


def test_names_are_lines():
    assert models.names_of("demo\n\n# those of last year\n other/model \n") == [
        "demo",
        "other/model",
    ]


def test_a_name_is_a_configured_model_a_folder_or_a_hub_id(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model_index.json").write_text("{}")
    names = ["demo", "mine", "demo/weights/generator", "stabilityai/sd-turbo"]
    found = models.resolved(names, [GENERATOR], tmp_path)
    assert found["demo"] is GENERATOR
    assert found["mine"].path == str(tmp_path / "mine")
    assert found["demo/weights/generator"].path == GENERATOR.path
    assert found["stabilityai/sd-turbo"].path == "stabilityai/sd-turbo"
    assert found["mine"].backend == "eager" and found["mine"].controlnet == GENERATOR.controlnet


@pytest.mark.parametrize("name", ["demmo", "no such", "/no/such/folder", "a/b/c", "docs/api.md"])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    with pytest.raises(Unusable, match=r"unknown model .*\(demo\)"):
        models.resolved([name], [GENERATOR], None)


def test_models_are_drawn_by_the_seed_whatever_else_is_in_the_folder():
    images = [f"{number}.png" for number in range(200)]
    drawn = models.drawn(["a", "b"], 25, images)
    assert drawn == models.drawn(["a", "b"], 25, images)
    assert {image: drawn[image] for image in images[50:]} == models.drawn(
        ["a", "b"], 25, images[50:]
    )
    assert drawn != models.drawn(["a", "b"], 26, images)
    assert 70 < sum(name == "a" for name in drawn.values()) < 130


def masked_row(wanted=WANTED, **given):
    each = Input("a.png", Place("/in/a.png"), None, given, Place("/in"))
    rows, refused = rows_of([each], wanted, DEMO, {"demo": GENERATOR}, {"a.png": "demo"})
    return rows[0] if rows else refused[0][1]


def test_a_mask_lies_beside_the_manifest_and_begins_from_noise():
    row = masked_row(mask="holes/a.png")
    assert row["mask"] == "/in/holes/a.png" and row["mask_field"] == "mask"
    assert (row["mask_blur"], row["padding_mask_crop"]) == (0.0, None)
    assert row["request"]["strength"] == 1.0 and row_of()["request"]["strength"] == 0.75
    row = masked_row(mask_image="/b.png", mask_blur="2.5", padding_mask_crop="8", strength="0.5")
    assert (row["mask"], row["mask_field"]) == ("/b.png", "mask_image")
    assert (row["mask_blur"], row["padding_mask_crop"]) == (2.5, 8)
    assert row["request"]["strength"] == 0.5
    assert "mask" not in row_of()


def test_another_mask_is_another_picture():
    rows = [masked_row(mask="a.png"), masked_row(mask="b.png"), masked_row(mask_image="a.png"),
            masked_row(mask="a.png", mask_blur="1"), row_of(strength="1")]  # fmt: skip
    assert len({row["settings"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"mask_blur": "2"}, "there is none"),
        ({"mask": "a.png", "mask_image": "b.png"}, "one mask"),
        ({"mask": "a.png", "mask_blur": "-1"}, "mask_blur"),
        ({"mask": "a.png", "padding_mask_crop": "1.5"}, "padding_mask_crop"),
    ],
)
def test_what_a_mask_cannot_be(given, word):
    assert word in masked_row(**given)
    assert "starts from" in masked_row(replace(WANTED, task="controlnet"), mask="a.png")
