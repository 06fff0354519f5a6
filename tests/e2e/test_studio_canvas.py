"""Studio's canvas in a real Chromium, over stages that are fakes: mask, tools, keys, clipboard."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.e2e.chromium import Page
from tests.e2e.serving_fakes import serving_fakes
from tests.images import encoded, sketch

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


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(url, browser):
    browser.get_log("browser")
    script = {"source": RECORDING}
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    yield Page(browser, url).forget().open()
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
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


def sent(page):
    return page.browser.execute_async_script(FIELDS_SENT)


def picture_of(data_url):
    return Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))


def share_masked(page):
    """Of the canvas, 0 to 1."""
    return page.browser.execute_script(
        "const mask = document.getElementById('mask');"
        "const { data } = mask.getContext('2d').getImageData(0, 0, mask.width, mask.height);"
        "return data.filter((each, at) => at % 4 == 3 && each > 127).length * 4 / data.length;"
    )


def make(page):
    page.press("generate")
    page.await_result()
    return sent(page)


def test_a_mask_is_painted_erased_inverted_and_sent(page, tmp_path):
    choose(page, sketch(512, 256), tmp_path)
    page.slide_at("#brush-size", 80)
    take(page, "mask")
    stroke(page, (-60, 0), (40, 0))
    painted = share_masked(page)
    assert 0.05 < painted < 0.4
    assert page.all("[name=use]:checked")[0].get_attribute("value") == "both"  # edges were chosen
    take(page, "unmask")
    stroke(page, (-60, 0), (20, 0))
    erased = share_masked(page)
    assert 0 < erased < painted
    page["invert-mask"].click()
    assert share_masked(page) == pytest.approx(1 - erased, abs=0.02)
    page.slide("draw-form", "mask_blur", 4)
    fields = make(page)
    assert fields["url"] == "/v1/images/edits"
    assert fields["mask_blur"] == "4" and fields["strength"] == "1"
    assert "padding_mask_crop" not in fields
    image, mask = picture_of(fields["image"]), picture_of(fields["mask_image"])
    assert image.size == mask.size == picture_of(fields["control_image"]).size == (512, 256)
    grey = np.asarray(mask.convert("L"))
    assert (grey > 127).mean() == pytest.approx(1 - erased, abs=0.02)
    assert grey[0, 0] == 255 and grey.min() == 0


def test_the_masked_part_alone(page, tmp_path):
    choose(page, sketch(256, 256), tmp_path)
    page.browser.execute_script("document.querySelector('[name=use][value=start]').click()")
    take(page, "mask")
    stroke(page, (0, 0), (30, 30))
    page.all("[name=crop]")[0].click()
    page.slide("draw-form", "padding_mask_crop", 48)
    fields = make(page)
    assert fields["padding_mask_crop"] == "48" and "control_image" not in fields


def test_a_cleared_mask_is_not_sent_and_strength_comes_back(page, tmp_path):
    choose(page, sketch(256, 256), tmp_path)
    strength = page.all("#draw-form [name=strength]")[0]
    before = strength.get_attribute("value")
    take(page, "mask")
    stroke(page, (0, 0), (30, 30))
    assert strength.get_attribute("value") == "1"
    page["clear-mask"].click()
    assert share_masked(page) == 0 and strength.get_attribute("value") == before
    page["undo"].click()
    assert share_masked(page) > 0
    page["undo"].click()
    assert share_masked(page) == 0
    take(page, "draw")
    assert not page["mask-panel"].is_displayed()
    fields = make(page)
    assert "mask_image" not in fields and "mask_blur" not in fields


def test_a_new_picture_has_no_mask_and_an_empty_easel_cannot_have_one(page, tmp_path):
    assert not page.all("[name=tool][value=mask]")[0].is_enabled()
    choose(page, sketch(256, 256), tmp_path)
    take(page, "mask")
    stroke(page, (0, 0), (30, 30))
    page["example"].click()
    assert share_masked(page) == 0
    page["clear"].click()
    assert page.all("[name=tool]:checked")[0].get_attribute("value") == "draw"


def test_before_and_after(page, tmp_path):
    choose(page, sketch(256, 256), tmp_path)
    page.browser.execute_script("document.querySelector('[name=use][value=start]').click()")
    make(page)
    assert page["compare"].is_displayed() and page["before"].is_displayed()
    page.slide_at("#compare input", 40)
    assert "60%" in page["before"].value_of_css_property("clip-path")
    page.browser.execute_script("document.querySelector('[name=use][value=none]').click()")
    make(page)
    assert not page["compare"].is_displayed() and not page["before"].is_displayed()


def test_tools_by_keyboard(page):
    page["example"].click()
    page.browser.execute_script("document.getElementById('own-colour').focus()")
    ActionChains(page.browser).send_keys(Keys.TAB).perform()
    canvas = page.browser.switch_to.active_element
    assert canvas == page["canvas"] and canvas.value_of_css_property("outline-style") == "solid"

    def press(key):
        ActionChains(page.browser).send_keys(key).perform()

    def tool():
        return page.all("[name=tool]:checked")[0].get_attribute("value")

    for key, chosen in (("m", "mask"), ("e", "unmask"), ("b", "draw")):
        press(key)
        assert tool() == chosen
    press("i")
    assert share_masked(page) == 1
    press("x")
    assert share_masked(page) == 0
    size = page["brush-size"]
    before = int(size.get_attribute("value"))
    press("]")
    assert int(size.get_attribute("value")) > before
    press("[")
    assert int(size.get_attribute("value")) == before
    page.type_prompt("bemix")  # typing is typing
    assert tool() == "draw" and share_masked(page) == 0
    titles = " ".join(each.get_attribute("title") for each in page.all("#input [title]"))
    for key in ["(B)", "(M)", "(E)", "(I)", "(X)", "([)", "(])", "(Ctrl+Z)"]:
        assert key in titles


def test_a_picture_is_pasted(page):
    page.browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 20 });"
        "canvas.toBlob((blob) => {"
        "  const clipboardData = new DataTransfer();"
        "  clipboardData.items.add(new File([blob], 'pasted.png', { type: 'image/png' }));"
        "  const event = new ClipboardEvent('paste', { clipboardData, bubbles: true });"
        "  document.body.dispatchEvent(event); done();"
        "});"
    )
    page.until(lambda: page["canvas"].get_attribute("height") == "256")


def test_a_picture_is_pasted_by_a_button(page, url):
    grant = {"origin": url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.browser.execute_cdp_cmd("Browser.grantPermissions", grant)
    page.browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "const canvas = Object.assign(document.createElement('canvas'), { width: 20, height: 40 });"
        "canvas.toBlob((blob) => navigator.clipboard.write("
        "  [new ClipboardItem({ 'image/png': blob })]).then(done));"
    )
    page.press("paste")
    page.until(lambda: page["canvas"].get_attribute("width") == "256")
    page.browser.execute_async_script(
        "navigator.clipboard.writeText('words').then(arguments[arguments.length - 1])"
    )
    page.press("paste")
    page.until(lambda: "no picture on the clipboard" in page.text("error"))


def test_a_mask_and_what_was_set_with_it_outlive_a_reload(page):
    page["example"].click()
    take(page, "mask")
    page["invert-mask"].click()
    page.slide("draw-form", "strength", 0.9)
    page.slide("draw-form", "mask_blur", 5)
    drafts = (
        "const done = arguments[arguments.length - 1];"
        "import('/studio/database.js').then(({ table }) => table('drafts'))"
        ".then((drafts) => drafts.all()).then((all) => done("
        "  all.some((each) => each.mask) && all.some((each) => each.fields?.mask_blur === '5')))"
    )
    page.until(lambda: page.browser.execute_async_script(drafts))
    page.open()
    page.until(lambda: share_masked(page) == 1)
    page.until(lambda: page.all("[name=mask_blur]")[0].get_attribute("value") == "5")
    assert page.all("#draw-form [name=strength]")[0].get_attribute("value") == "0.9"
    assert page["mask-panel"].is_displayed()


def test_the_service_keeps_what_the_mask_leaves_alone(service, browser, tmp_path):
    """On the served demo: the result in the page against the sketch."""
    page = Page(browser, service.url).forget().open()
    choose(page, sketch(256, 256), tmp_path)
    page.slide_at("#brush-size", 80)
    take(page, "mask")
    stroke(page, (-70, 0), (30, 20))
    page.browser.execute_script("document.querySelector('[name=upscale][value=\"1\"]').click()")
    page.press("generate")
    page.await_result()
    assert page["compare"].is_displayed()
    differs = page.browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "const pixels = (picture) => {"
        "  const canvas = document.createElement('canvas');"
        "  Object.assign(canvas, { width: 512, height: 512 });"
        "  const pen = canvas.getContext('2d'); pen.drawImage(picture, 0, 0);"
        "  return pen.getImageData(0, 0, 512, 512).data;"
        "};"
        "const picture = document.getElementById('picture');"
        "picture.decode().then(() => {"
        "  const [before, mask, after] ="
        "    ['canvas', 'mask', 'picture'].map((id) => pixels(document.getElementById(id)));"
        "  const count = { inside: 0, outside: 0, size: picture.naturalWidth };"
        "  for (let at = 0; at < before.length; at += 4)"
        "    if ([0, 1, 2].some((channel) => before[at + channel] !== after[at + channel]))"
        "      count[mask[at + 3] ? 'inside' : 'outside'] += 1;"
        "  done(count);"
        "});"
    )
    assert differs["size"] == 512 and differs["outside"] == 0 and differs["inside"] > 1000


def test_count_size_and_sampler_are_what_the_api_offers(page):
    page.until(lambda: len(page.all("[name=sampler] option")) > 1)
    samplers = [each.get_attribute("value") for each in page.all("[name=sampler] option")]
    assert samplers[0] == "" and {"ddim", "euler_a", "dpmpp_2m_karras"} <= set(samplers)
    sizes = [each.get_attribute("value") for each in page.all("#sizes option")]
    assert sizes[0] == "128x64" and len(sizes) > 5  # the default of this service first
    assert page.all("[name=n]")[0].get_attribute("max") == "10"
    page.browser.execute_script(
        "const { sampler, size, n, upscale } = document.getElementById('draw-form').elements;"
        "sampler.value = 'ddim'; size.value = '64x64'; n.value = 2; upscale.value = 1;"
    )
    fields = make(page)
    assert (fields["sampler"], fields["size"], fields["n"]) == ("ddim", "64x64", 2)
    page.until(lambda: len(page.all("#gallery li")) == 2)
    page.browser.execute_script(
        "document.getElementById('draw-form').elements.size.value = 'large'"
    )
    page.press("generate")
    assert page.all("[name=size]:invalid")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_prompt_and_generate_come_first(page, scheme):
    page.open(390, 844, scheme)
    for name in ("prompt", "generate"):
        control = page.all(f"#draw-form [name={name}], #{name}")[0]
        box = page.browser.execute_script("return arguments[0].getBoundingClientRect()", control)
        assert box["top"] >= 0 and box["bottom"] <= 844, name
    page["example"].click()
    take(page, "mask")
    assert page["mask-panel"].is_displayed() and page.sideways() <= 0
    page.browser.execute_script("document.getElementById('invert-mask').click()")
    page.shoot(f"phone-{scheme}-first")
    page.shoot(f"phone-{scheme}-mask", at="input")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mask_at_a_desk(page, scheme, tmp_path):
    page.open(1280, 900, scheme)
    choose(page, sketch(512, 400), tmp_path)
    page.slide_at("#brush-size", 80)
    take(page, "mask")
    stroke(page, (-60, 0), (40, 10))
    make(page)
    page.slide_at("#compare input", 50)
    assert page.sideways() <= 0
    page.shoot(f"desktop-{scheme}-mask")
