"""Stable Diffusion web UI's API: by the package `webuiapi`, and as known programs send it."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import webuiapi
from PIL import Image

from tests.e2e.conftest import await_true
from tests.images import PROMPT, from_base64, in_base64, jpeg, sketch

LONG = {"steps": 100, "width": 256, "height": 264, "batch_size": 4}


@pytest.fixture(scope="module")
def api(service):
    return webuiapi.WebUIApi(baseurl=f"{service.url}/sdapi/v1", sampler="Euler a", steps=4)


def test_text_to_image(api):
    made = api.txt2img(prompt=PROMPT, seed=7, batch_size=2, cfg_scale=3, width=128, height=64)
    assert [image.size for image in made.images] == [(128, 64)] * 2
    assert made.info["all_seeds"] == [7, 8] and made.info["ignored"] == []
    assert api.png_info(made.image).info == made.info["infotexts"][0]
    again = api.txt2img(prompt=PROMPT, seed=7, cfg_scale=3, width=128, height=64)
    assert again.image.tobytes() == made.image.tobytes()
    karras = api.txt2img(
        prompt=PROMPT, seed=7, cfg_scale=3, width=128, height=64, sampler_name="DPM++ 2M",
        scheduler="karras",
    )  # fmt: skip
    assert karras.image.tobytes() != made.image.tobytes()
    assert "DPM++ 2M Karras" in karras.info["infotexts"][0]


def test_its_own_size_is_made_at_the_models_and_enlarged(api):
    made = api.txt2img(prompt=PROMPT, tiling=True)
    assert made.image.size == (512, 512) and (made.info["width"], made.info["height"]) == (512, 512)
    assert made.info["ignored"] == ["tiling"]


def test_hires_fix(api):
    made = api.txt2img(prompt=PROMPT, width=64, height=64, enable_hr=True, hr_scale=1.5)
    assert made.image.size == (96, 96)
    assert made.info["ignored"] == ["hr_upscaler", "denoising_strength"]


def test_image_to_image(api):
    made = api.img2img([sketch(128, 128)], prompt="a green star", denoising_strength=0.5, seed=3)
    assert made.image.size == (512, 512) and made.info["denoising_strength"] == 0.5
    small = api.img2img([sketch(128, 128)], prompt="a green star", width=64, height=72)
    assert small.image.size == (64, 72)


def test_inpainting(api):
    picture, mask = sketch(128, 128), Image.new("L", (128, 128))
    mask.paste(255, (64, 0, 128, 128))
    made = api.img2img([picture], prompt="a green star", mask_image=mask, mask_blur=0, seed=3)
    assert made.image.size == picture.size
    left = (0, 0, 64, 128)
    assert made.image.crop(left).tobytes() == picture.crop(left).tobytes()
    assert made.image.tobytes() != picture.tobytes()


def test_controlnet(api):
    picture = sketch(128, 128)
    unit = webuiapi.ControlNetUnit(picture, module="canny", model="canny", weight=1.2)
    size = {"width": 128, "height": 128}
    made = api.txt2img(prompt=PROMPT, seed=7, controlnet_units=[unit], **size)
    image, edges = made.images
    assert image.size == edges.size == (128, 128) and edges.mode == "L"
    # The edge map that came back says the same as the picture.
    unit = webuiapi.ControlNetUnit(edges, module="none", model="canny", weight=1.2)
    (again,) = api.txt2img(prompt=PROMPT, seed=7, controlnet_units=[unit], **size).images
    assert again.tobytes() == image.tobytes()
    assert api.controlnet_model_list() == ["canny"] and "canny" in api.controlnet_module_list()
    assert api.controlnet_version() == 3
    found = api.controlnet_detect([picture], module="canny")
    assert found.image.size == (128, 128) and found.json["info"] == "Success"


def test_upscaling_and_captions(api):
    picture = sketch(64, 32)
    assert api.extra_single_image(picture, upscaler_1="Swin2SR 4x").image.size == (128, 64)
    many = api.extra_batch_images([picture] * 2, upscaler_1="R-ESRGAN 4x+", upscaling_resize=4)
    assert [image.size for image in many.images] == [(256, 128)] * 2
    assert "upscaler_1" in many.info
    assert isinstance(api.interrogate(sketch(128, 128)).info, str)


def test_settings_and_lists(api):
    assert api.util_get_model_names() == ["demo"] and api.util_get_current_model() == "demo"
    api.util_set_model("demo")
    assert api.set_options({"sd_vae": "x"}) == {"ignored": ["sd_vae"]}
    assert {"DDIM", "Euler a", "LCM"} < set(api.util_get_sampler_names())
    assert api.util_get_scheduler_names() == ["automatic", "karras"]
    assert "Swin2SR 4x" in [each["name"] for each in api.get_upscalers()]
    empty = (
        api.get_loras, api.get_sd_vae, api.get_hypernetworks, api.get_face_restorers,
        api.get_prompt_styles, api.get_realesrgan_models, api.get_latent_upscale_modes,
    )  # fmt: skip
    assert [ask() for ask in empty] == [[]] * len(empty)
    assert api.get_embeddings()["loaded"] == {} and api.get_cmd_flags() and api.get_memory()
    assert api.refresh_checkpoints() is None and "controlnet" in api.get_scripts()["txt2img"]
    api.util_wait_for_ready(check_interval=0.2)


def test_progress_and_interruption(service, api):
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(api.txt2img, prompt=PROMPT, **LONG)
        seen = []

        def preview():
            seen.append(api.get_progress())
            return seen[-1]["current_image"]

        await_true(preview, 60)
        assert from_base64(seen[-1]["current_image"]).size == (256, 264)
        assert 0 < seen[-1]["progress"] < 1 and seen[-1]["eta_relative"] > 0
        assert seen[-1]["state"]["sampling_steps"] == 100
        silent = service.get("/sdapi/v1/progress?skip_current_image=true").json()
        assert silent["current_image"] is None
        api.interrupt()
        answer = made.result(timeout=30)
    assert answer.images == [] and answer.info["interrupted"]
    assert api.get_progress()["state"]["job_count"] == 0


def test_refusals_are_read_by_both_kinds_of_clients(service, api):
    with pytest.raises(RuntimeError) as refused:
        api.txt2img(prompt=PROMPT, sampler_name="Restart")
    status, text = refused.value.args
    body = json.loads(text)
    assert status == 400 and body["error"]["param"] == "sampler_name"
    assert body["detail"] == body["errors"] == body["error"]["message"]


def test_open_webui(service):
    """Its engine "automatic1111": what it asks for at start, then a picture."""
    # Sent whether or not there is a user and a password.
    no_user = {"authorization": "Basic " + in_base64(b"")}
    options = service.get("/sdapi/v1/options", headers=no_user).json()
    models = service.get("/sdapi/v1/sd-models", headers=no_user).json()
    assert [(each["title"], each["model_name"]) for each in models] == [("demo", "demo")]
    options["sd_model_checkpoint"] = models[0]["title"]
    assert service.post("/sdapi/v1/options", json=options, headers=no_user).status_code == 200
    body = {"prompt": PROMPT, "batch_size": 1, "width": 512, "height": 512, "steps": 8}
    body |= {"cfg_scale": 3.0, "sampler_name": "DPM++ 2M", "scheduler": "karras"}
    made = service.post("/sdapi/v1/txt2img", json=body, headers=no_user).json()
    assert [from_base64(image).size for image in made["images"]] == [(512, 512)]
    assert isinstance(made["info"], str)


def test_what_open_webui_shows_of_an_error(service):
    answer = service.post("/sdapi/v1/txt2img", json={"prompt": PROMPT, "steps": 1000})
    assert "at most" in answer.json()["error"]["message"]


def test_librechat(service):
    """Its tool "stable-diffusion"."""
    body = {
        "prompt": PROMPT, "negative_prompt": "blur", "sampler_index": "DPM++ 2M Karras",
        "cfg_scale": 4.5, "steps": 22, "width": 1024, "height": 1024,
    }  # fmt: skip
    made = service.post("/sdapi/v1/txt2img", json=body).json()
    (image,) = made["images"]
    info = json.loads(made["info"])
    size = from_base64(image.split(",", 1)[0]).size
    assert size == (info["width"], info["height"]) == (1024, 1024)
    assert "Steps: 22" in info["infotexts"][0].split("\n").pop() and info["seed"] >= 0


def test_the_photoshop_plug_in(service):
    """Auto-Photoshop-StableDiffusion-Plugin: its start, a picture with ControlNet, its metadata."""
    at_start = (
        "options", "samplers", "upscalers", "sd-models", "loras", "embeddings", "scripts",
        "progress?skip_current_image=false",
    )  # fmt: skip
    assert all(service.get(f"/sdapi/v1/{name}").status_code == 200 for name in at_start)
    assert service.get("/controlnet/settings").json()["control_net_unit_count"] == 1
    modules = service.get("/controlnet/module_list?alias_names=true").json()
    details = modules["module_detail"]
    assert all("model_free" in details[name] for name in modules["module_list"])
    (model,) = service.get("/controlnet/model_list").json()["model_list"]
    weight = {"inpainting_mask_weight": 1}
    assert service.post("/sdapi/v1/options", json=weight).status_code == 200
    sketched = in_base64(jpeg())
    detection = {
        "controlnet_module": "canny", "controlnet_input_images": [sketched],
        "controlnet_processor_res": 512, "controlnet_threshold_a": 100,
        "controlnet_threshold_b": 200,
    }  # fmt: skip
    assert service.post("/controlnet/detect", json=detection).json()["images"]
    unit = {
        "enabled": True, "input_image": sketched, "mask": "", "module": "canny", "model": model,
        "weight": 1, "resize_mode": "Crop and Resize", "lowvram": False, "processor_res": 512,
        "threshold_a": 100, "threshold_b": 200, "guidance_start": 0, "guidance_end": 1,
        "control_mode": "Balanced", "pixel_perfect": True,
    }  # fmt: skip
    body = {
        "prompt": PROMPT, "negative_prompt": "", "original_prompt": PROMPT, "clip_skip": 1,
        "steps": 8, "sampler_index": "Euler a", "width": 128, "height": 128,
        "denoising_strength": 0.7, "batch_size": 1, "cfg_scale": 3, "seed": "-1", "mask_blur": 4,
        "use_sharp_mask": False, "use_prompt_shortcut": False, "prompt_shortcut_ui_dict": {},
        "uniqueDocumentId": "one", "mode": "txt2img", "restore_faces": False, "tiling": False,
        "subseed": -1, "override_settings": {}, "override_settings_restore_afterwards": True,
        "controlnet_units": [unit], "alwayson_scripts": {"controlnet": {"args": [unit]}},
    }  # fmt: skip
    made = service.post("/sdapi/v1/txt2img", json=body).json()
    picture, edges = made["images"]
    assert from_base64(picture).size == from_base64(edges).size == (128, 128)
    metadata = service.post(
        "/sdapi/v1/png-info", json={"image": "data:image/png;base64," + picture}
    ).json()["info"]
    last = dict(pair.split(": ", 1) for pair in metadata.split("\n")[-1].split(", "))
    assert int(last["Seed"]) == json.loads(made["info"])["seed"]
    body |= {"init_images": [sketched], "alwayson_scripts": {}}
    assert len(service.post("/sdapi/v1/img2img", json=body).json()["images"]) == 1


def test_a_client_that_leaves_stops_its_work(service, api):
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"))
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/sdapi/v1/txt2img", json.dumps(LONG | {"prompt": ""}), headers)
    await_true(lambda: api.get_progress()["state"]["sampling_step"] > 0, 60)
    connection.close()
    await_true(lambda: api.get_progress()["state"]["job_count"] == 0, 20)
