"""The pages of every route in a real Chromium, over the served demo: nothing leaves the host."""

import json
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not DRIVER, reason="needs chromium and chromedriver on the PATH")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(DRIVER)) as found:
        yield found


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_page_shows_the_routes_and_loads_from_its_own_host_alone(service, browser, page):
    browser.get(service.url + page)
    WebDriverWait(browser, 60).until(
        lambda _: (
            "OpenAI Images, with ControlNet" in browser.page_source
            or "/v1/images/generations" in browser.page_source
        )
    )
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    loaded = {
        event["params"]["response"]["url"]
        for event in events
        if event["method"] == "Network.responseReceived"
    }
    assert f"{service.url}/openapi.json" in loaded
    assert all(url.startswith((service.url, "data:", "blob:")) for url in loaded), loaded
