"""The page of every route: whole without a network."""

import re

import pytest

from tests.service import Service, assert_refused

# Namespaces and links in the text of Swagger UI, which nothing loads; its other requests are those
# that the page's Content-Security-Policy lets through, to where the page comes from.
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png", "start.js")


@pytest.fixture(scope="module")
def http():
    return Service().http


def test_the_page_names_no_other_host(http):
    response = http.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for text in (response.text, http.get("/docs/start.js").text):
        assert not re.search(r"""["'(](?:https?:)?//""", text)


def test_every_file_that_the_page_names_is_there(http):
    named = re.findall(r'(?:src|href)="/docs/([^"]+)"', http.get("/docs").text)
    assert sorted(named) == sorted(FILES)
    for name in named:
        assert http.get(f"/docs/{name}").status_code == 200
    assert http.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in FILES)])
def test_nothing_may_be_loaded_from_elsewhere(http, path):
    policy = http.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


def test_the_styles_load_nothing(http):
    loaded = re.findall(r"url\(([^)]{1,40})|@import", http.get("/docs/swagger-ui.css").text)
    assert all(each.lstrip("\"'").startswith("data:") for each in loaded)


@pytest.mark.parametrize("path", ["/redoc", "/docs/none.js", "/docs/..%2fapi.py"])
def test_what_is_not_there_is_a_404(http, path):
    assert_refused(http.get(path), 404, "not_found")
