from serve_app.ingress.webui.routes import build_routers
from tests.fakes import app_args


def paths(settings):
    routers = build_routers(None, app_args(settings))
    return {route.path for router in routers for route in router.routes}


def test_the_switch():
    some = {"/sdapi/v1/txt2img", "/sdapi/v1/options", "/controlnet/detect"}
    assert paths({}) == set() and some < paths({"webui": True})
