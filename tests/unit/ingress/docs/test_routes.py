"""The pages of every route: whole without a network."""

import re

import pytest

from tests.service import Service, assert_refused

# Namespaces and links in the text of the packages' scripts, which nothing loads; their other
# requests are those that the page's Content-Security-Policy lets through, to where the page comes
# from (tests/e2e/test_docs.py has a browser say so).
FILES = {
    "/docs": ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png", "start.js"),
    "/redoc": ("redoc.css", "redoc.standalone.js", "favicon.png", "start.js"),
}
PAGES = list(FILES)


@pytest.fixture(scope="module")
def http():
    return Service().http


@pytest.mark.parametrize("page", PAGES)
def test_the_page_names_no_other_host(http, page):
    response = http.get(page)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for text in (response.text, http.get(f"{page}/start.js").text):
        assert not re.search(r"""["'(](?:https?:)?//""", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_the_page_names_is_there(http, page):
    named = re.findall(rf'(?:src|href)="{page}/([^"]+)"', http.get(page).text)
    assert sorted(named) == sorted(FILES[page])
    for name in named:
        assert http.get(f"{page}/{name}").status_code == 200
    assert http.get("/openapi.json").status_code == 200


@pytest.mark.parametrize(
    "path", [*FILES, *(f"{page}/{name}" for page in FILES for name in FILES[page])]
)
def test_nothing_may_be_loaded_from_elsewhere(http, path):
    policy = http.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


def test_the_styles_load_nothing(http):
    loaded = re.findall(r"url\(([^)]{1,40})|@import", http.get("/docs/swagger-ui.css").text)
    assert all(each.lstrip("\"'").startswith("data:") for each in loaded)


@pytest.mark.parametrize("path", ["/docs/none.js", "/docs/..%2fapi.py", "/redoc/swagger-ui.css"])
def test_what_is_not_there_is_a_404(http, path):
    assert_refused(http.get(path), 404, "not_found")
