"""Studio in a real Chromium: the page, and what a person does with it.

Screenshots go to `$STUDIO_SHOTS`.
"""

import os
import shutil
from pathlib import Path

import pytest

try:
    from selenium import webdriver
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")

# What a server with keys, or with a full queue, would answer, put before the page's own fetch.
ANSWER_BEFORE = """
const real = window.fetch;
window.fetch = (url, options = {}) => {
  const refusal = (%s)(String(url), new Headers(options.headers));
  if (!refusal) return real(url, options);
  const [status, headers, message] = refusal;
  const body = JSON.stringify({ error: { message, type: "", param: null, code: "" } });
  return Promise.resolve(new Response(body, { status, headers }));
};
"""


class Page:
    """The page, and what a person does with it."""

    def __init__(self, browser, url):
        self.browser = browser
        self.url = url

    def open(self, width=1280, height=900, scheme="light"):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.browser.get(self.url + "/")
        self.until(lambda: self["lamp"].get_attribute("data-state") == "up")
        return self

    def forget(self):
        """As in a browser that was never here, and is not here now."""
        self.browser.get("about:blank")  # a page that is open would write again
        origin = {"origin": self.url, "storageTypes": "all"}
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", origin)
        return self

    def __getitem__(self, name):
        return self.browser.find_element(By.ID, name)

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def until(self, condition, limit_s=90):
        WebDriverWait(self.browser, limit_s, 0.1).until(lambda _: condition())

    def text(self, name):
        return self[name].get_attribute("textContent")

    def slide(self, form, name, value):
        self.browser.execute_script(
            "const slider = document.getElementById(arguments[0]).elements[arguments[1]];"
            "slider.value = arguments[2];"
            "slider.dispatchEvent(new Event('input', { bubbles: true }));",
            form, name, value,
        )  # fmt: skip

    def slide_at(self, css, value):
        self.browser.execute_script(
            "const slider = document.querySelector(arguments[0]); slider.value = arguments[1];"
            "slider.dispatchEvent(new Event('input', { bubbles: true }));",
            css, value,
        )  # fmt: skip

    def draw(self):
        """A red blob at the left and a blue stroke at the right."""
        self.browser.execute_script(
            "document.getElementById('brush-size').value = 80;"
            "document.getElementById('canvas').scrollIntoView({ block: 'center' });"
        )
        for colour, points in (
            ("red", [(-90, -30), (20, 0), (-10, 30), (-10, -30)]),
            ("blue", [(50, -50), (0, 90), (40, 0), (0, -90)]),
        ):
            self.all(f"input[aria-label={colour}]")[0].click()
            hand = ActionChains(self.browser, duration=50)
            hand.move_to_element_with_offset(self["canvas"], *points[0]).click_and_hold()
            for point in points[1:]:
                hand.move_by_offset(*point)
            hand.release().perform()

    def type_prompt(self, text):
        self.all("#draw-form [name=prompt]")[0].clear()
        self.all("#draw-form [name=prompt]")[0].send_keys(text)

    def press(self, name):
        self.browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", self[name])
        self[name].click()

    def generate(self, prompt):
        """Ask for a picture, as one more run."""
        self.type_prompt(prompt)
        self.press("generate")

    def reload(self):
        self.browser.refresh()
        self.until(lambda: self["lamp"].get_attribute("data-state") == "up")

    def await_result(self):
        self.until(lambda: self["outcome"].is_displayed() or self["error"].is_displayed())
        assert not self["error"].is_displayed(), self.text("error")

    def await_done(self):
        """Nothing runs, and nothing waits."""
        self.until(lambda: self.text("progress-line").startswith("Done in"))
        self.until(lambda: not self["cancel"].is_enabled())

    def sideways(self):
        """Pixels that the page is wider than its window."""
        return self.browser.execute_script(
            "return document.documentElement.scrollWidth - window.innerWidth"
        )

    def shoot(self, name, at=None):
        """What the window shows, from the top of the page or of an element by its id."""
        folder = os.environ.get("STUDIO_SHOTS")
        if folder:
            script = "arguments[0] ? arguments[0].scrollIntoView() : window.scrollTo(0, 0)"
            self.browser.execute_script(script, at and self[at])
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def browser():
    if webdriver is None or not (CHROMIUM and DRIVER):
        pytest.skip("needs selenium, and chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(service, browser):
    browser.get_log("browser")
    page = Page(browser, service.url).forget().open()
    page.until(lambda: page["sample-note"].is_displayed())
    yield page
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    ours = [text for text in complaints if "Content Security Policy" in text or "Uncaught" in text]
    assert not ours


@pytest.fixture
def answering_before(browser):
    """Answer some of the page's requests before they leave; undone after the test."""
    added = []

    def answer(script):
        source = {"source": ANSWER_BEFORE % script}
        added.append(browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source))

    yield answer
    for script in added:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.execute_script("sessionStorage.clear()")
