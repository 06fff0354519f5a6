"""What clients ask for when they start."""

import pytest

from serve_app.ingress.webui.listings import EMPTY, REFRESHED
from tests.webui import assert_refused


def listed(service, path):
    answer = service.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_model(service):
    (model,) = listed(service, "/sdapi/v1/sd-models")
    assert model["title"] == model["model_name"] == "demo"
    assert listed(service, "/sdapi/v1/options")["sd_model_checkpoint"] == "demo"


def test_names(service):
    names = [each["name"] for each in listed(service, "/sdapi/v1/samplers")]
    assert {"DPM++ 2M Karras", "Euler a", "DDIM", "UniPC", "LCM"} < set(names)
    assert [each["name"] for each in listed(service, "/sdapi/v1/schedulers")] == [
        "automatic",
        "karras",
    ]
    assert [each["name"] for each in listed(service, "/sdapi/v1/upscalers")] == [
        "None",
        "Swin2SR 4x",
    ]


@pytest.mark.parametrize("name", EMPTY)
def test_what_there_is_none_of(service, name):
    assert listed(service, f"/sdapi/v1/{name}") == []


def test_other_listings(service):
    assert listed(service, "/sdapi/v1/embeddings") == {"loaded": {}, "skipped": {}}
    assert listed(service, "/sdapi/v1/scripts")["txt2img"] == ["controlnet"]
    assert listed(service, "/sdapi/v1/cmd-flags")["api"] is True
    ram = listed(service, "/sdapi/v1/memory")["ram"]
    assert 0 < ram["used"] < ram["total"]


@pytest.mark.parametrize("name", REFRESHED)
def test_refreshing_changes_nothing(service, name):
    answer = service.http.post(f"/sdapi/v1/{name}")
    assert answer.status_code == 200 and answer.json() is None


def test_settings_are_set_back_as_they_came(service):
    """As Open WebUI does: all of them, with another checkpoint."""
    settings = listed(service, "/sdapi/v1/options")
    answer = service.http.post("/sdapi/v1/options", json=settings)
    assert answer.json() == {"ignored": []}
    answer = service.http.post("/sdapi/v1/options", json={"sd_vae": "x", "a": 1})
    assert answer.json() == {"ignored": ["a", "sd_vae"]}
    other = settings | {"sd_model_checkpoint": "other"}
    assert_refused(service.http.post("/sdapi/v1/options", json=other), 400, "sd_model_checkpoint")


def test_the_controlnet_extension(service):
    assert listed(service, "/controlnet/version") == {"version": 3}
    assert listed(service, "/controlnet/settings") == {"control_net_unit_count": 1}
    assert listed(service, "/controlnet/model_list?update=true") == {"model_list": ["canny"]}
    found = listed(service, "/controlnet/module_list?alias_names=true")
    assert found["module_list"] == ["none", "canny"]
    assert [each["value"] for each in found["module_detail"]["canny"]["sliders"][1:]] == [100, 200]
    assert listed(service, "/controlnet/control_types")["control_types"]["Canny"]["default_model"]
