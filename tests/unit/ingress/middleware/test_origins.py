"""Who may ask from a browser, and under which names the service answers."""

import hashlib

import pytest

from tests.images import jpeg
from tests.service import Service, assert_refused

HERE = "127.0.0.1:8000"
HEALTH = ("/health", "/v2/health/live", "/v2/health/ready")


def ask(service, host=HERE, path="/v1/captions", method="POST", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = jpeg() if method == "POST" else None
    return service.http.request(method, path, content=content, headers={"host": host} | names)


@pytest.fixture(scope="module")
def service():
    return Service()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "studio.localhost", "192.168.1.5",
        "[::1]:8000", "[fe80::1%25eth0]:8000", "images", "images:8000", "images.ml.svc:8000",
        "images.ml.svc.cluster.local", "printer.local", "vm.internal", "10.0.0.7.",
    ],
)  # fmt: skip
def test_names_that_no_web_page_can_have_are_known(service, host):
    assert ask(service, host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "evillocal.com",
        "", ":8000", "[", "1.2.3.4.5", "a" * 400, "evil.example:127.0.0.1",
    ],
)  # fmt: skip
def test_other_names_are_refused(service, host):
    response = ask(service, host)
    assert_refused(response, 403, "forbidden")
    assert "allowed_hosts" in response.json()["error"]["message"]
    assert response.json()["error"]["type"] == "permission_error"


def test_this_machines_name_is_known(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Gpu1.example.org")
    assert ask(Service(), "gpu1.example.org:8000").status_code == 200


def test_probes_may_ask_under_any_name(service):
    for path in HEALTH:
        response = ask(service, "evil.example", path, "GET", origin="https://evil.example")
        assert response.status_code != 403


def test_listed_hosts_are_the_only_ones():
    service = Service({"allowed_hosts": ["images.example", "*.lab.example"]})
    for host in ("images.example", "Images.Example:443", "gpu1.lab.example", "a.b.lab.example"):
        assert ask(service, host).status_code == 200, host
    for host in (HERE, "localhost", "lab.example", "evilimages.example", "evil-lab.example"):
        assert_refused(ask(service, host), 403, "forbidden")


def test_any_host_where_the_setting_or_a_key_says_so(tmp_path):
    assert ask(Service({"allowed_hosts": ["*"]}), "evil.example").status_code == 200
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"sk-1").hexdigest())
    guarded = Service({"auth": {"keys_file": str(keys)}})
    assert ask(guarded, "images.example", authorization="Bearer sk-1").status_code == 200
    assert_refused(ask(guarded, "images.example"), 401, "invalid_api_key")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HERE, "http://127.0.0.1:8000"), ("localhost:8000", "http://LOCALHOST:8000"),
        ("images", "http://images"), ("images", "https://images"), ("images:443", "https://images"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)  # fmt: skip
def test_the_services_own_pages_pass(service, host, origin):
    assert ask(service, host, origin=origin).status_code == 200
    assert ask(service, host, origin=origin, sec_fetch_site="same-origin").status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://127.0.0.1:3000", "http://127.0.0.1", "null", "",
        "http://localhost:8000", "file://", "chrome-extension://127.0.0.1:8000", "127.0.0.1:8000",
        "http://127.0.0.1:8000@evil.example", "http://" + "a" * 5000,
    ],
)  # fmt: skip
def test_pages_of_other_origins_are_refused(service, origin):
    for path in ("/v1/captions", "/generation", "/v1/images/edits"):
        response = ask(service, path=path, origin=origin, content_type="text/plain")
        assert_refused(response, 403, "forbidden")
        assert "cors_origins" in response.json()["error"]["message"]
    assert not service.handles["generator"].calls


def test_under_v2_the_refusal_has_the_protocols_shape(service):
    response = ask(service, path="/v2/models/caption/infer", origin="null")
    assert response.status_code == 403
    assert isinstance(response.json()["error"], str)


def test_a_cross_site_request_without_an_origin_is_refused_but_a_link_is_followed(service):
    assert_refused(ask(service, path="/v1/models", method="GET", sec_fetch_site="cross-site"), 403)
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(service, path="/", method="GET", **link).status_code == 200
    assert_refused(ask(service, **link), 403)
    for site in ("same-origin", "same-site", "none"):
        assert ask(service, path="/v1/models", method="GET", sec_fetch_site=site).status_code == 200


def test_listed_origins_pass_with_their_preflights():
    service = Service({"cors_origins": ["https://Studio.example/"]})
    origin = "https://studio.example"
    assert ask(service, origin=origin, sec_fetch_site="cross-site").status_code == 200
    wants = {"access_control_request_method": "POST"}
    preflight = ask(service, path="/generation", method="OPTIONS", origin=origin, **wants)
    assert preflight.status_code == 200
    foreign = ask(service, path="/generation", method="OPTIONS", origin="https://other", **wants)
    assert_refused(foreign, 403, "forbidden")
    assert ask(Service({"cors_origins": ["*"]}), origin="https://any").status_code == 200


def test_behind_a_proxy_the_listed_name_is_the_pages_own():
    service = Service({"allowed_hosts": ["images.example", "10.0.0.2"]})
    assert ask(service, "10.0.0.2:8000", origin="https://images.example").status_code == 200
    assert_refused(ask(service, "10.0.0.2:8000", origin="https://evil.example"), 403)


def test_behind_a_proxy_a_preflight_is_of_another_origin_all_the_same():
    service = Service({"allowed_hosts": ["images.example", "10.0.0.2"]})
    wants = {"origin": "https://images.example", "access_control_request_method": "POST"}
    response = ask(service, "10.0.0.2:8000", "/generation", "OPTIONS", **wants)
    assert_refused(response, 403, "forbidden")


@pytest.fixture
def refusals(caplog):
    caplog.set_level("INFO", "ray.serve")
    return lambda: [line for line in caplog.messages if line.startswith("refused")]


def test_a_refusal_leaves_a_line_that_cannot_be_forged(refusals):
    ask(Service(), "evil.example", origin="https://evil.example x=1")
    (line,) = refusals()
    who = 'host=evil.example origin="https://evil.example x=1"'
    assert line == f"refused {who} setting=args.allowed_hosts"


def test_a_refused_preflight_leaves_one_line_that_names_the_setting(refusals):
    service = Service()
    wants = {"access_control_request_method": "POST"}
    for _ in range(3):
        for origin in ("https://a.example", "https://b.example"):
            ask(service, path="/generation", method="OPTIONS", origin=origin, **wants)
    assert refusals() == [
        f"refused host={HERE} origin={origin} preflight=True setting=args.cors_origins"
        for origin in ("https://a.example", "https://b.example")
    ]


def test_refusals_cannot_flood_the_log(refusals):
    service = Service()
    for number in range(100):
        ask(service, method="OPTIONS", origin=f"https://{number}.example")
    assert len(refusals()) == 20
