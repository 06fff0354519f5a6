"""Studio in a real Chromium, over the served demo. Screenshots go to `$STUDIO_SHOTS`."""

import hashlib
import os
import re
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import uvicorn

from tests.e2e.conftest import await_true, free_port
from tests.images import encoded, sketch
from tests.service import Service

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"
)

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

    def await_result(self):
        self.until(lambda: self["outcome"].is_displayed() or self["error"].is_displayed())
        assert not self["error"].is_displayed(), self.text("error")

    def sideways(self):
        """Pixels that the page is wider than its window."""
        return self.browser.execute_script(
            "return document.documentElement.scrollWidth - window.innerWidth"
        )

    def shoot(self, name):
        folder = os.environ.get("STUDIO_SHOTS")
        if folder:
            self.browser.execute_script("window.scrollTo(0, 0)")
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def browser():
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
    yield Page(browser, service.url).open()
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


@pytest.fixture
def guarded_url(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"secret").hexdigest())
    port = free_port()
    api = Service({"auth": {"keys_file": str(keys)}}).api
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    await_true(lambda: requests.get(f"http://127.0.0.1:{port}/").status_code == 200, 20)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_a_drawing_becomes_a_picture_before_ones_eyes(page):
    page.draw()
    page.until(lambda: page["edges"].is_displayed())
    page.press("generate")
    page.await_result()
    assert int(page["picture"].get_attribute("data-previews")) >= 2  # counted before the result
    assert page.text("caption")
    facts = page.text("facts")
    assert "512 × 512" in facts and "generate" in facts and "canny" in facts
    assert len(page.all("#gallery li")) == 1
    link = page.all("#gallery a")[0]
    assert link.get_attribute("download").endswith(".png")
    page.all("#gallery button")[0].click()  # goes on from the result
    page.browser.execute_script("document.querySelector('[value=start]').click()")
    page.press("generate")
    page.await_result()
    assert len(page.all("#gallery li")) == 2


def test_the_same_seed_is_sent_and_the_defaults_are_the_servers(page, service):
    defaults = service.get("/v1/status").json()["defaults"]
    steps = page.all("#draw-form [name=num_inference_steps]")[0]
    page.until(lambda: int(steps.get_attribute("value")) == defaults["num_inference_steps"])
    page["dice"].click()
    seed = page["seed"].get_attribute("value")
    assert seed.isdigit()
    page.press("generate")
    page.await_result()
    assert f"seed {seed}" in page.text("facts")


def test_undo_and_clear(page):
    def ink():
        return page.browser.execute_script("return document.getElementById('canvas').toDataURL()")

    blank = ink()
    page.draw()
    drawn = ink()
    page["clear"].click()
    assert ink() == blank and page["hint"].is_displayed()
    page["undo"].click()
    assert ink() == drawn
    page["undo"].click()
    page["undo"].click()
    assert ink() == blank


def test_cancel_stops_the_work_on_the_server(page, service):
    page.slide("draw-form", "num_inference_steps", 100)
    before = len(service.log_text())
    page.press("generate")
    page.until(lambda: "Step" in page.text("progress-line"))
    page.press("cancel")
    page.until(lambda: page.text("progress-line") == "Cancelled")
    assert not page["error"].is_displayed()
    page.until(lambda: "left stage=generate" in service.log_text()[before:], 15)
    saved = re.search(r"steps_saved=(\d+)", service.log_text()[before:])
    assert saved and int(saved[1]) > 10
    assert page["generate"].is_enabled()


def test_a_full_batch_shows_the_place_in_the_queue(page, service):
    body = {"prompt": "a red circle", "n": 4, "num_inference_steps": 100, "stream": True}
    with ExitStack() as others:
        for _ in range(3):
            answer = requests.post(
                service.url + "/v1/images/generations", json=body, stream=True, timeout=60
            )
            others.enter_context(answer)
        page.press("generate")
        page.until(lambda: re.match(r"Place \d+ in the queue", page.text("progress-line")))
        page.press("cancel")


def test_a_folder_with_a_broken_picture(page, tmp_path):
    for name in ("a_red_circle", "a_blue_square_on_a_white_background", "a_green_star"):
        (tmp_path / f"{name}.png").write_bytes(encoded(sketch(256, 256)))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("left out")
    page["tab-folder"].click()
    page["folder"].send_keys(str(tmp_path))
    page.until(lambda: len(page.all("#cells li")) == 4)
    assert "1 other file" in page.text("chosen")
    page.press("run")
    page.until(lambda: page.text("folder-line") == "3 of 4 done, 1 failed")
    page.until(lambda: page["run"].is_enabled())
    states = [cell.get_attribute("data-state") for cell in page.all("#cells li")]
    assert states == ["done", "done", "done", "failed"]
    failed = page.all("#cells li[data-state=failed] .note")[0].text
    assert "image" in failed.lower() and len(failed) > 10
    assert page.all("#cells li p")[0].text == "a blue square on a white background"
    links = [link.get_attribute("download") for link in page.all("#cells a")]
    assert links[2] == "a_red_circle_25.png"
    page.shoot("desktop-light-folder")


def test_a_folder_ends_where_no_key_is_given(page, answering_before, tmp_path):
    answering_before("(url) => url.includes('edits') && [401, {}, 'a key is needed']")
    page.open()
    for index in range(6):
        (tmp_path / f"{index}.png").write_bytes(encoded(sketch(64, 64)))
    page["tab-folder"].click()
    page["files"].send_keys("\n".join(map(str, tmp_path.iterdir())))
    page.press("run")
    page.until(lambda: page["key-dialog"].is_displayed())
    page["key"].send_keys(Keys.ESCAPE)
    page.until(lambda: page["run"].is_enabled())
    assert not page["key-dialog"].is_displayed()
    failed = page.all("#cells li[data-state=failed] .note")
    assert {each.text for each in failed} == {"A key is needed."}


def test_a_folder_can_be_cancelled(page, tmp_path):
    for index in range(6):
        (tmp_path / f"picture_{index}.png").write_bytes(encoded(sketch(256, 256)))
    page["tab-folder"].click()
    page["files"].send_keys("\n".join(map(str, sorted(tmp_path.iterdir()))))
    page.slide("folder-form", "num_inference_steps", 100)
    page.slide("folder-form", "at_once", 2)
    page.press("run")
    page.until(lambda: page.all("#cells li[data-state=busy]"))
    assert len(page.all("#cells li[data-state=busy]")) <= 2
    page.press("stop")
    page.until(lambda: page.text("folder-line").startswith("Cancelled"))
    assert page["run"].is_enabled()


def test_errors_are_sentences(page):
    page.browser.execute_script(
        "document.querySelector('#draw-form [name=prompt]').value = 'x'.repeat(3000)"
    )
    page.press("generate")
    page.until(lambda: page["error"].is_displayed())
    assert page.text("error").startswith("Prompt has 3000 characters; at most 2000 (limits.max")
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        page.press("generate")
        page.until(lambda: "cannot be reached" in page.text("error"))
        page.until(lambda: page["lamp"].get_attribute("data-state") == "down")
    finally:
        page.browser.execute_cdp_cmd("Network.disable", {})
    page.until(lambda: page["lamp"].get_attribute("data-state") == "up")


def test_a_full_queue_says_when_to_come_again(page, answering_before):
    answering_before(
        "(url) => url.includes('generations')"
        " && [429, { 'Retry-After': '7' }, '64 images are in progress']"
    )
    page.open()
    page.press("generate")
    page.until(lambda: page["error"].is_displayed())
    assert page.text("error") == "64 images are in progress. Try again in 7 s."


def test_a_server_with_keys_is_given_one(browser, guarded_url):
    """The real check of keys, before stages that are fakes."""
    page = Page(browser, guarded_url)
    browser.get(guarded_url)
    page.until(lambda: page["key-dialog"].is_displayed())
    page["key"].send_keys("wrong", Keys.ENTER)
    page.until(lambda: "key is needed" in page.text("status-line"))
    page.press("generate")
    page.until(lambda: page["key-dialog"].is_displayed())
    page["key"].send_keys("secret", Keys.ENTER)
    page.await_result()
    assert page.text("facts").startswith("seed")
    assert browser.execute_script("return sessionStorage.getItem('api-key')") == "secret"


def test_tabs_by_keyboard(page):
    page["tab-draw"].send_keys(Keys.ARROW_RIGHT)
    assert page.browser.switch_to.active_element == page["tab-folder"]
    assert page["panel-folder"].is_displayed() and not page["panel-draw"].is_displayed()
    assert page["tab-folder"].get_attribute("aria-selected") == "true"
    assert page["tab-draw"].get_attribute("tabindex") == "-1"
    for key, chosen in (
        (Keys.ARROW_RIGHT, "tab-draw"),
        (Keys.ARROW_LEFT, "tab-folder"),
        (Keys.HOME, "tab-draw"),
        (Keys.END, "tab-folder"),
    ):
        page.browser.switch_to.active_element.send_keys(key)
        assert page.browser.switch_to.active_element == page[chosen]
    ActionChains(page.browser).send_keys(Keys.TAB, Keys.TAB).perform()
    focused = page.browser.switch_to.active_element
    outline = focused.value_of_css_property("outline-style")
    assert outline == "solid" or focused.get_attribute("class") == "unseen"


def test_everything_has_a_name_for_those_who_hear_the_page(page):
    """Chromium's own accessibility tree: what can be used is not nameless."""
    page.browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    usable = {"button", "textbox", "slider", "radio", "checkbox", "tab", "link", "ColorWell"}
    nameless = [
        node["role"]["value"]
        for node in nodes
        if node.get("role", {}).get("value") in usable and not node["name"]["value"]
    ]
    assert not nameless


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name, width, height", [("desktop", 1280, 900), ("phone", 390, 844)])
def test_it_fits_its_window(page, name, width, height, scheme):
    page.open(width, height, scheme)
    assert page.sideways() <= 0
    page["example"].click()
    page.until(lambda: page["edges"].is_displayed())
    page.press("generate")
    page.await_result()
    page["status"].click()
    assert page.sideways() <= 0
    page.shoot(f"{name}-{scheme}-status")
    page["status"].find_element(By.TAG_NAME, "summary").click()
    page.shoot(f"{name}-{scheme}")


def test_nothing_is_cut_off_on_the_narrowest_phone(page):
    page.open(360, 640)
    assert page.sideways() <= 0
    page["tab-folder"].click()
    assert page.sideways() <= 0
