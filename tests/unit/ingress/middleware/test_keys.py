"""API keys and other origins: closed where the configuration says so, open by default."""

import base64
import hashlib

import pytest

from serve_app.config import Auth
from serve_app.ingress.middleware.keys import read_hashes
from tests.service import Service, assert_refused

KEY = "sk-3f9a"
HASH = hashlib.sha256(KEY.encode()).hexdigest()


@pytest.fixture
def guarded(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"{hashlib.sha256(b'another').hexdigest()} studio\n\n{HASH}  laptop\n")
    return Service({"auth": {"keys_file": str(keys)}})


def call(service, authorization, path="/v1/models"):
    headers = {} if authorization is None else {"Authorization": authorization}
    return service.http.get(path, headers=headers)


def basic(password):
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize("authorization", [f"Bearer {KEY}", f"bearer  {KEY} ", basic(KEY)])
def test_a_known_key_opens(guarded, authorization):
    assert call(guarded, authorization).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", KEY, "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {HASH}", basic("x"), "Basic ?"],
)
def test_no_or_a_wrong_key_is_a_401(guarded, authorization):
    for path in ("/v1/models", "/docs", "/openapi.json", "/no/such"):
        response = call(guarded, authorization, path)
        assert_refused(response, 401, "invalid_api_key")
        assert response.headers["www-authenticate"].startswith("Bearer")
    response = guarded.http.post("/generation", content=b"x" * 100)
    assert_refused(response, 401, "invalid_api_key")


def test_health_needs_no_key(guarded):
    assert call(guarded, None, "/health").status_code != 401


def test_the_page_is_open_and_what_it_asks_is_not(guarded):
    for path in ("/", "/studio/studio.js"):
        assert call(guarded, None, path).status_code == 200
    assert_refused(call(guarded, None, "/v1/status"), 401, "invalid_api_key")


def test_hashes_from_a_secret(monkeypatch):
    monkeypatch.setenv("KEYS", f"{HASH}, {HASH.upper()}")
    assert read_hashes(Auth(keys_variable="KEYS")) == [HASH.encode()] * 2


@pytest.mark.parametrize("content", ["", "\n", KEY, f"{HASH}\nplain-key"])
def test_a_list_without_hashes_stops_the_start(monkeypatch, content):
    monkeypatch.setenv("KEYS", content.replace("\n", ","))
    with pytest.raises(ValueError, match="no SHA-256 hash") as refused:
        read_hashes(Auth(keys_variable="KEYS"))
    assert KEY not in str(refused.value)


def test_other_origins_only_where_configured(guarded):
    origin = {"Origin": "https://studio.example"}
    preflight = origin | {"Access-Control-Request-Method": "POST"}
    closed = Service()
    assert (
        "access-control-allow-origin" not in closed.http.get("/v1/models", headers=origin).headers
    )
    keys = {"keys_file": guarded.args.auth.keys_file}
    opened = Service({"cors_origins": ["https://studio.example"], "auth": keys})
    allowed = opened.http.options("/generation", headers=preflight)
    assert allowed.status_code == 200, "a preflight carries no key"
    assert allowed.headers["access-control-allow-origin"] == "https://studio.example"
    refused = opened.http.options("/generation", headers=preflight | {"Origin": "https://other"})
    assert "access-control-allow-origin" not in refused.headers
