"""Studio's canvas and choices in a real Chromium: keys, clipboard, what the API offers."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.e2e.serving_fakes import serving_fakes
from tests.e2e.studio_acts import made, opened, share_masked, take


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(browser, url):
    yield from opened(browser, url)


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
    fields = made(page)
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
