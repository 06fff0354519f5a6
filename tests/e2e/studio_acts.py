"""What a person does on Studio's page: on its canvas, in its form and in its gallery."""

from selenium.webdriver.common.action_chains import ActionChains

from tests.e2e.chromium import Page
from tests.images import encoded

# Every request that the page sends to make pictures, with its files.
RECORDING = """
window.sent = [];
const fetchReally = window.fetch;
window.fetch = (url, options = {}) => {
  if (String(url).startsWith("/v1/images/")) window.sent.push([String(url), options.body]);
  return fetchReally(url, options);
};
"""
FIELDS_SENT = """
const done = arguments[arguments.length - 1];
const [url, body] = window.sent.at(-1);
const text = (blob) => new Promise((read) => {
  const reader = new FileReader();
  reader.onload = () => read(reader.result);
  reader.readAsDataURL(blob);
});
(async () => {
  const fields = { url };
  const entries = body instanceof FormData ? body.entries() : Object.entries(JSON.parse(body));
  for (const [name, value] of entries) {
    fields[name] = value instanceof Blob ? await text(value) : value;
  }
  return fields;
})().then(done);
"""


def opened(browser, url):
    """For a fixture: the page as nobody has seen it, and no complaints of the browser's after."""
    browser.get_log("browser")
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RECORDING})
    yield Page(browser, url).forget().open()
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    browser.get("about:blank")
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not [text for text in complaints if "Policy" in text or "Uncaught" in text]


def choose(page, picture, tmp_path):
    (tmp_path / "chosen.png").write_bytes(encoded(picture))
    page["choose"].send_keys(str(tmp_path / "chosen.png"))
    page.until(lambda: not page["hint"].is_displayed())


def take(page, tool):
    page.browser.execute_script(f"document.querySelector('[name=tool][value={tool}]').click()")


def stroke(page, start, *moves):
    """On the canvas, in CSS pixels from its centre."""
    page.browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", page["canvas"])
    hand = ActionChains(page.browser, duration=50)
    hand.move_to_element_with_offset(page["canvas"], *start).click_and_hold()
    for move in moves:
        hand.move_by_offset(*move)
    hand.release().perform()


def share_masked(page):
    """Of the canvas, 0 to 1."""
    return page.browser.execute_script(
        "const mask = document.getElementById('mask');"
        "const { data } = mask.getContext('2d').getImageData(0, 0, mask.width, mask.height);"
        "return data.filter((each, at) => at % 4 == 3 && each > 127).length * 4 / data.length;"
    )


def set_fields(page, **fields):
    """Of the form, by name."""
    page.browser.execute_script(
        "const form = document.getElementById('draw-form');"
        "for (const [name, value] of Object.entries(arguments[0])) {"
        "  const control = form.elements[name];"
        "  control.value = value;"
        "  const inputs = control instanceof RadioNodeList ? [...control] : [control];"
        "  inputs.forEach((each) => each.dispatchEvent(new Event('input', { bubbles: true })));"
        "}"
        "form.dispatchEvent(new Event('change'));",
        fields,
    )


def fields(page, *names):
    """Their values in the form, as text."""
    return page.browser.execute_script(
        "const form = document.getElementById('draw-form');"
        "return arguments[0].map((name) => form.elements[name].value);",
        names,
    )


def make(page, **asked):
    """One more picture of the gallery, quickly."""
    before = len(page.all("#gallery li"))
    set_fields(page, **{"upscale": 1} | asked)
    page.press("generate")
    page.until(lambda: len(page.all("#gallery li")) == before + 1)


def made(page):
    """Make what the form says; gives the fields that were sent, files as data: URLs."""
    page.press("generate")
    page.await_result()
    return page.browser.execute_async_script(FIELDS_SENT)


def click(page, css, at=0):
    page.browser.execute_script("arguments[0].click()", page.all(css)[at])


def act(page, name, at=0):
    """Press a button of one picture, by its words."""
    item = page.all("#gallery li")[at]
    button = next(b for b in item.find_elements("css selector", "button")
                  if b.get_attribute("textContent") == name)  # fmt: skip
    page.browser.execute_script("arguments[0].click()", button)
