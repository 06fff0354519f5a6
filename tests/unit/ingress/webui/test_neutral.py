from serve_app.ingress.webui.neutral import asks


def test_what_is_left_as_it_is_asks_for_nothing():
    fields = {"eta": 1.0, "styles": [], "subseed": -1, "tiling": False, "s_noise": 1, "x": None}
    assert list(asks(fields)) == [] and list(asks(None)) == []


def test_what_asks_for_something_is_named():
    assert list(asks({"tiling": True, "styles": ["x"], "eta": 0.5})) == ["eta", "styles", "tiling"]
    assert list(asks({"control_mode": "Balanced", "sd_vae": "other"})) == ["sd_vae"]
