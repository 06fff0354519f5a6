"""`/sdapi/v1/txt2img`, `img2img`, `progress` and `interrupt`."""

import asyncio

import httpx
import pytest

from tests import fakes
from tests.images import encoded, from_base64, in_base64, sketch
from tests.service import Service
from tests.webui import PICTURE, assert_refused, img2img, info_of, txt2img, unit


def test_an_image_and_what_made_it(service):
    made = txt2img(service, seed=7, steps=9, cfg_scale=4, width=100, height=64)
    (image,) = made.json()["images"]
    assert from_base64(image).size == (96, 64)
    asked = service.request
    assert (asked.seed, asked.num_inference_steps, asked.guidance_scale) == (7, 9, 4.0)
    info = info_of(made)
    assert (info["seed"], info["all_seeds"], info["all_prompts"]) == (7, [7], ["a red circle"])
    assert info["infotexts"] == [from_base64(image).text["parameters"]]
    assert (info["width"], info["height"], info["steps"]) == (96, 64, 9)
    assert info["ignored"] == [] and info["interrupted"] is False
    assert made.json()["parameters"]["cfg_scale"] == 4
    assert "generate;dur=" in made.headers["server-timing"]


def test_a_batch_has_a_seed_an_image(service):
    info = info_of(made := txt2img(service, seed=3, batch_size=2, n_iter=2))
    assert info["all_seeds"] == [3, 4, 5, 6] and len(info["infotexts"]) == 4
    assert [from_base64(image).getpixel((0, 0))[0] for image in made.json()["images"]] == [
        3,
        4,
        5,
        6,
    ]


def test_numbers_may_be_text_and_nothing_is_needed(service):
    assert txt2img(service, seed="-1", steps="4", width=64.0, prompt=None, styles=None).is_success
    assert service.request.num_inference_steps == 4 and service.request.seed >= 0
    assert service.http.post("/sdapi/v1/txt2img", json={}).is_success


def test_images_need_not_be_sent(service):
    made = txt2img(service, send_images=False)
    assert made.json()["images"] == [] and info_of(made)["all_seeds"]


def test_the_edge_map_follows_the_images(service):
    made = txt2img(service, alwayson_scripts=unit(weight=0.5, threshold_a=40, threshold_b=20))
    assert len(made.json()["images"]) == 2
    assert from_base64(made.json()["images"][1]).mode == "L"
    assert (service.control.low_threshold, service.control.high_threshold) == (20, 40)
    assert service.request.controlnet_conditioning_scale == 0.5
    assert made.json()["parameters"]["alwayson_scripts"] is None
    made = txt2img(service, alwayson_scripts=unit(module="none"))
    assert len(made.json()["images"]) == 1 and service.control.is_edges


def test_an_image_to_start_from(service):
    made = img2img(service, denoising_strength=0.4, width=64, height=64)
    assert service.request.image is not None and service.request.strength == 0.4
    assert made.json()["parameters"]["init_images"] is None
    made = img2img(service, include_init_images=True)
    assert made.json()["parameters"]["init_images"] == [PICTURE]
    assert info_of(made)["denoising_strength"] == 0.75


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"steps": 101}, 400, "steps"),
        ({"batch_size": 11}, 400, "batch_size"),
        ({"width": 2000}, 400, "width"),
        ({"sampler_name": "DPM++ SDE"}, 400, "sampler_name"),
        ({"script_name": "X/Y/Z plot"}, 400, "script_name"),
        ({"override_settings": {"sd_model_checkpoint": "other"}}, 400, "override_settings"),
        ({"seed": "seven"}, 422, "seed"),
        ({"alwayson_scripts": unit(image="x!")}, 422, "alwayson_scripts.controlnet.args"),
        ({"alwayson_scripts": unit(image="aaaa")}, 415, "alwayson_scripts.controlnet.args"),
    ],
)
def test_refusals_name_the_field(service, fields, status, param):
    assert_refused(txt2img(service, **fields), status, param)


def test_refusals_of_images(service):
    assert_refused(img2img(service, init_images=[]), 400, "init_images")
    assert_refused(img2img(service, init_images=[in_base64(b"GIF89a")]), 400, "init_images")
    small = in_base64(encoded(sketch(16, 16)))
    assert_refused(img2img(service, mask=small), 400, "mask")
    assert_refused(img2img(service, mask="aaaa"), 415, "mask")


def test_keys_are_the_password_of_basic_authentication(tmp_path):
    # printf secret | sha256sum
    known = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    (tmp_path / "keys").write_text(known)
    service = Service({"webui": True, "auth": {"keys_file": str(tmp_path / "keys")}})
    assert_refused(txt2img(service), 401)
    answer = service.http.get("/sdapi/v1/options", auth=("anybody", "secret"))
    assert answer.status_code == 200


def test_nothing_is_here_unless_the_configuration_says_so():
    assert_refused(txt2img(Service()), 404)


def test_nothing_is_in_progress(service):
    idle = service.http.get("/sdapi/v1/progress").json()
    assert (idle["progress"], idle["state"]["job_count"], idle["current_image"]) == (0, 0, None)
    assert service.http.post("/sdapi/v1/interrupt").json() == {}


def test_progress_and_interruption_of_what_is_in_progress(service):
    """The first image is finished while the second one is made; that is what is answered."""

    async def making(request, terms, edges=None):
        if request.seed == 8:
            await asyncio.Event().wait()
        return fakes.generated(request, terms, edges)

    async def scenario():
        service.handles["generator"].answer = making
        transport = httpx.ASGITransport(service.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            body = {"prompt": "a red circle", "seed": 7, "batch_size": 2}
            request = asyncio.create_task(http.post("/sdapi/v1/txt2img", json=body))
            seen = {"state": {"job_no": 0}}
            while not (seen["state"]["job_no"] and seen["current_image"]):
                await asyncio.sleep(0)  # the transport has no waiting of its own
                seen = (await http.get("/sdapi/v1/progress")).json()
            silent = (await http.get("/sdapi/v1/progress?skip_current_image=true")).json()
            await http.post("/sdapi/v1/interrupt")
            return seen, silent, await request

    seen, silent, made = asyncio.run(asyncio.wait_for(scenario(), 10))
    assert 0.5 <= seen["progress"] < 1 and seen["eta_relative"] > 0
    assert (seen["state"]["job"], seen["state"]["job_count"]) == ("txt2img", 2)
    assert from_base64(seen["current_image"]).size == (128, 64)
    assert silent["current_image"] is None
    assert info_of(made)["interrupted"] and info_of(made)["all_seeds"] == [7]
    assert len(made.json()["images"]) == 1
    assert service.handles["generator"].responses[-1].cancelled
