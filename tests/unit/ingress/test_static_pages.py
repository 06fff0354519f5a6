"""A page of static files."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serve_app.ingress.static_pages import build_router


@pytest.fixture
def http(tmp_path):
    for name in ("index.html", "a.js", "notes.txt", "secret.js"):
        (tmp_path / name).write_text(name)
    app = FastAPI()
    app.include_router(build_router("/page", "/page", [tmp_path / n for n in NAMES]))
    return TestClient(app)


NAMES = ("index.html", "a.js", "notes.txt")


def test_the_index_is_the_page_and_the_others_are_below_it(http):
    assert http.get("/page").text == "index.html"
    assert http.get("/page/a.js").text == "a.js"
    assert http.get("/page/a.js").headers["content-type"].startswith("text/javascript")
    assert http.get("/page/a.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["secret.js", "notes.txt", "none.js", "..%2fa.js"])
def test_neither_what_was_not_given_nor_what_no_browser_needs_is_served(http, name):
    assert http.get(f"/page/{name}").status_code == 404


def test_a_changed_file_shows_at_once(http, tmp_path):
    (tmp_path / "a.js").write_text("changed")
    assert http.get("/page/a.js").text == "changed"


def test_it_is_no_part_of_the_apis_document(http):
    assert http.get("/openapi.json").json()["paths"] == {}


def test_a_page_may_be_allowed_more(tmp_path):
    (tmp_path / "index.html").write_text("")
    app = FastAPI()
    more = {"style-src": "'unsafe-inline'", "worker-src": "blob:"}
    app.include_router(build_router("/page", "/page", [tmp_path / "index.html"], more))
    policy = TestClient(app).get("/page").headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline';" in policy and policy.endswith("worker-src blob:")
    assert "script-src 'self';" in policy
