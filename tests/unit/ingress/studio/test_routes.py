"""The page's files: served with the right types and headers, complete, and from nowhere else."""

import re

import pytest

from serve_app.ingress.studio.routes import FOLDER
from tests.service import Service, assert_refused

FILES = sorted(path.name for path in FOLDER.iterdir())
PAGE = (FOLDER / "index.html").read_text()


@pytest.fixture(scope="module")
def http():
    return Service().http


def test_the_page_is_at_the_root(http):
    response = http.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Studio</title>" in response.text
    assert http.head("/").status_code == 200


@pytest.mark.parametrize("name", FILES)
def test_files_have_their_types_and_may_load_nothing_foreign(http, name):
    response = http.get(f"/studio/{name}")
    assert response.status_code == 200
    kind = response.headers["content-type"].split(";")[0]
    assert kind == {
        "html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml",
    }[name.rsplit(".")[-1]]  # fmt: skip
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


@pytest.mark.parametrize(
    "path", ["/studio/", "/studio/none.js", "/studio/..%2fapi.py", "/studio/a/b", "/v1/none", "/x"]
)
def test_what_is_not_there_is_an_error_of_the_apis_shape(http, path):
    assert_refused(http.get(path), 404, "not_found")


def test_the_page_takes_no_posts(http):
    assert_refused(http.post("/"), 405, "method_not_allowed")


@pytest.mark.parametrize("name", FILES)
def test_nothing_comes_from_elsewhere(name):
    text = (FOLDER / name).read_text().replace("http://www.w3.org/2000/svg", "")
    links = re.findall(
        r"(?:https?:)?//[\w$][^\s\"'`]*", re.sub(r"^\s*//.*| // .*", "", text, flags=re.M)
    )
    assert [link for link in links if "location.hostname" not in link] == []


def test_nothing_that_is_named_is_missing():
    for name in FILES:
        text = (FOLDER / name).read_text()
        for used in re.findall(r'"(?:/studio|\.)/([\w.]+)"', text):
            assert used in FILES, f"{name} names {used}"
        for used in re.findall(r'\bat\("([\w-]+)"\)', text):
            assert f'id="{used}"' in PAGE, f"{name} looks for #{used}"


def test_modules_stay_small():
    for path in FOLDER.glob("*.js"):
        assert len(path.read_text().splitlines()) <= 200, path.name
