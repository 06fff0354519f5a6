"""Studio's gallery and viewer in a real Chromium, over stages that are fakes."""

import base64
import io
import zipfile

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.e2e.chromium import Page
from tests.e2e.serving_fakes import serving_fakes
from tests.images import encoded, in_base64, sketch

PARAMETERS = (
    "a green star\non the right\nNegative prompt: blurry, dull\n"
    "Steps: 12, Sampler: DPM++ 2M Karras, CFG scale: 4.5, Seed: 77, Size: 64x64, Model: demo, "
    'Denoising strength: 0.6, ControlNet 0: "Module: canny, Model: canny, Weight: 0.5, '
    'Threshold A: 40, Threshold B: 90", Postprocess upscale by: 2, Version: 1'
)
DROP = """
const [css, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
document.querySelector(css).dispatchEvent(event);
"""
NEWEST_PICTURE = """
const done = arguments[arguments.length - 1];
(async () => {
  const { History } = await import("/studio/history.js");
  const { base64Of } = await import("/studio/api.js");
  const [{ blob }] = await new History().all();
  done(await base64Of(blob));
})();
"""


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(url, browser):
    browser.get_log("browser")
    yield Page(browser, url).forget().open()
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not [text for text in complaints if "Policy" in text or "Uncaught" in text]


def set_fields(page, **fields):
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
    return page.browser.execute_script(
        "const form = document.getElementById('draw-form');"
        "return arguments[0].map((name) => form.elements[name].value);",
        names,
    )


def make(page, **asked):
    before = len(page.all("#gallery li"))
    set_fields(page, **{"upscale": 1} | asked)
    page.press("generate")
    page.until(lambda: len(page.all("#gallery li")) == before + 1)


def click(page, css, at=0):
    page.browser.execute_script("arguments[0].click()", page.all(css)[at])


def act(page, name, at=0):
    """Press a button of one picture, by its words."""
    item = page.all("#gallery li")[at]
    button = next(b for b in item.find_elements("css selector", "button")
                  if b.get_attribute("textContent") == name)  # fmt: skip
    page.browser.execute_script("arguments[0].click()", button)


def seeds(page):
    return page.browser.execute_script(
        "const notes = [...document.querySelectorAll('#gallery li > .note')];"
        "return notes.map((note) => Number(note.textContent.split(' ')[1]));"
    )


def panned(page):
    """Pixels to the right and down."""
    return page.browser.execute_script(
        "const style = getComputedStyle(document.getElementById('views'));"
        "return ['--x', '--y'].map((name) => parseFloat(style.getPropertyValue(name)));"
    )


def test_favourites_stay_and_show_alone(page):
    for seed in (1, 2):
        make(page, seed=seed)
    click(page, ".star", at=1)
    page.until(lambda: page.all(".star")[1].get_attribute("aria-pressed") == "true")
    page.open()
    page.until(lambda: len(page.all("#gallery li")) == 2)
    page["only-favourites"].click()
    assert seeds(page) == [1]
    click(page, ".star")
    page.until(lambda: not page.all("#gallery li"))


def test_what_was_deleted_comes_back(page):
    for seed in (1, 2, 3):
        make(page, seed=seed)
    for at in (0, 2):
        click(page, ".corner input", at)
    assert page.text("selected") == "2 selected"
    page.press("delete-selected")
    page.until(lambda: seeds(page) == [2])
    assert page.browser.switch_to.active_element == page["bring-back"]
    page["bring-back"].send_keys(Keys.ENTER)
    page.until(lambda: seeds(page) == [3, 2, 1])
    act(page, "Delete", at=1)
    page.until(lambda: seeds(page) == [3, 1])


def test_a_selection_is_downloaded_as_one_archive(page, tmp_path):
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    make(page, seed=5, prompt="a red circle, rött")
    make(page, seed=5, prompt="a red circle, rött")
    make(page, seed=200, prompt="a blue square")
    page["select-all"].click()
    page.press("download-selected")
    archive = tmp_path / "pictures.zip"
    page.until(archive.exists)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert names == ["a_blue_square_200.png", "a_red_circle_rött_5.png",
                         "a_red_circle_rött_5_2.png"]  # fmt: skip
        greys = [Image.open(io.BytesIO(opened.read(name))).getpixel((0, 0))[0] for name in names]
        assert greys == [200, 5, 5]
        assert opened.infolist()[0].date_time >= (2020, 1, 1, 0, 0, 0)


def test_settings_are_copied_as_text(page, url):
    grant = {"origin": url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.browser.execute_cdp_cmd("Browser.grantPermissions", grant)
    make(page, seed=7, prompt="a green star", negative_prompt="dull")
    act(page, "Copy settings")
    page.until(lambda: page.text("live") == "Settings copied")
    text = page.browser.execute_async_script(
        "navigator.clipboard.readText().then(arguments[arguments.length - 1])"
    )
    png = base64.b64decode(page.browser.execute_async_script(NEWEST_PICTURE))
    assert text == Image.open(io.BytesIO(png)).text["parameters"]
    assert text.startswith("a green star\nNegative prompt: dull\nSteps: ") and "Seed: 7" in text


def test_without_https_and_without_a_text_inside_settings_are_copied_too(page):
    copied = page.browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.execCommand = () => (window.copied = document.activeElement.value, true);"
        "(async () => {"
        "  const { textOf, fieldsOfText } = await import('/studio/parameters.js');"
        "  const { copyText } = await import('/studio/clipboard.js');"
        "  const request = { prompt: 'a star', num_inference_steps: 9, sampler: 'euler',"
        "                    size: '64x64', image: new Blob([]) };"
        "  await copyText(await textOf({ blob: new Blob(['none']), request, seed: 3 }));"
        "  return [window.copied, fieldsOfText(window.copied)];"
        "})().then(done, (error) => done(String(error)));"
    )
    text, read = copied
    assert text == "a star\nSteps: 9, Sampler: euler, Size: 64x64, Seed: 3"
    assert read == {
        "prompt": "a star", "negative_prompt": "", "num_inference_steps": 9,
        "sampler": "euler", "size": "64x64", "seed": 3,
    }  # fmt: skip


def test_a_pictures_settings_come_back_with_its_sketch_and_mask(page):
    page["example"].click()
    click(page, "[name=tool][value=mask]")
    page["invert-mask"].click()
    page.until(lambda: page.all("[name=sampler] option"))
    asked = {"prompt": "a yellow star", "negative_prompt": "dull", "seed": 11, "strength": 0.8,
             "sampler": "ddim", "mask_blur": 3, "num_inference_steps": 9}  # fmt: skip
    make(page, **asked)
    drawn = page.browser.execute_script("return document.getElementById('canvas').toDataURL()")
    page["clear"].click()
    set_fields(page, use="none", prompt="other", negative_prompt="", seed="", strength=0.5,
               sampler="", mask_blur=0, num_inference_steps=20)  # fmt: skip
    act(page, "Restore settings")
    page.until(lambda: page.text("live") == "Settings restored")
    assert fields(page, *asked) == [str(each) for each in asked.values()]
    assert fields(page, "use") == ["both"]
    ink = page.browser.execute_script("return document.getElementById('canvas').toDataURL()")
    assert ink == drawn
    masked = page.browser.execute_script(
        "const pen = document.getElementById('mask').getContext('2d');"
        "return pen.getImageData(0, 0, 512, 512).data.every((each, at) => at % 4 != 3 || each);"
    )
    assert masked


@pytest.mark.parametrize("compressed", [False, True])
def test_a_picture_of_the_service_gives_its_settings(page, compressed):
    texts = PngInfo()
    texts.add_itxt("parameters", PARAMETERS, zip=compressed)
    png = in_base64(encoded(sketch(64, 64), pnginfo=texts))
    page.until(lambda: len(page.all("[name=sampler] option")) > 1)
    page.browser.execute_script(DROP, "#request", png)
    page.until(lambda: page.text("live") == "Settings restored")
    read = {
        "prompt": "a green star\non the right", "negative_prompt": "blurry, dull",
        "num_inference_steps": "12", "sampler": "dpmpp_2m_karras", "guidance_scale": "4.5",
        "seed": "77", "size": "64x64", "strength": "0.6", "upscale": "2",
        "controlnet_conditioning_scale": "0.5", "canny_low_threshold": "40",
        "canny_high_threshold": "90",
    }  # fmt: skip
    assert fields(page, *read) == list(read.values())
    assert page["hint"].is_displayed()  # nothing was laid on the easel


def test_a_picture_made_here_gives_its_settings_when_dropped(page):
    make(page, seed=21, prompt="a red circle", num_inference_steps=6)
    png = page.browser.execute_async_script(NEWEST_PICTURE)
    set_fields(page, seed="", prompt="other", num_inference_steps=20)
    page.browser.execute_script(DROP, "#request", png)
    page.until(lambda: page.text("live") == "Settings restored")
    assert fields(page, "seed", "prompt", "num_inference_steps") == ["21", "a red circle", "6"]


def test_a_picture_is_chosen_for_its_settings(page, tmp_path):
    texts = PngInfo()
    texts.add_text("parameters", PARAMETERS + ", Mask hash: 12")
    (tmp_path / "made.png").write_bytes(encoded(sketch(64, 64), pnginfo=texts))
    (tmp_path / "other.png").write_bytes(encoded(sketch(64, 64)))
    page["settings-from"].send_keys(str(tmp_path / "made.png"))
    page.until(lambda: fields(page, "seed") == ["77"])
    assert fields(page, "size") == [""]  # of the part under a mask, not of the picture
    page["settings-from"].send_keys(str(tmp_path / "other.png"))
    page.until(lambda: page.text("error") == "other.png carries no settings.")


def test_any_other_picture_goes_onto_the_easel(page):
    page.browser.execute_script(DROP, "#request", in_base64(encoded(sketch(64, 32))))
    page.until(lambda: page["canvas"].get_attribute("height") == "256")


def zoom(page):
    return float(page["views"].get_attribute("data-zoom"))


def shown(page):
    return page["viewer-picture"].get_attribute("alt"), page.text("viewer-title")


def test_the_viewer_by_keyboard(page):
    for seed in (1, 2, 3):
        make(page, seed=seed, prompt=f"picture {seed}", caption="")
    opener = page.all("#gallery .open")[1]
    page.browser.execute_script("arguments[0].focus()", opener)
    opener.send_keys(Keys.ENTER)
    assert page["viewer"].is_displayed()

    def press(*keys):
        ActionChains(page.browser).send_keys(*keys).perform()

    def picture():
        return page["viewer-picture"].get_attribute("src")

    middle = picture()
    press("+", "+")
    assert zoom(page) == pytest.approx(2.25)
    hand = ActionChains(page.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT)
    hand.key_up(Keys.SHIFT).perform()
    assert panned(page) == [80, 0]
    press("0")
    assert zoom(page) == 1
    press(Keys.ARROW_RIGHT)
    assert picture() != middle and not page["viewer-next"].is_enabled()
    press(Keys.ARROW_RIGHT)
    assert not page["viewer-next"].is_enabled()
    press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert not page["viewer-previous"].is_enabled()
    press(Keys.ESCAPE)
    assert not page["viewer"].is_displayed()
    assert page.browser.switch_to.active_element == opener


def test_the_viewer_by_mouse(page):
    make(page, seed=1)
    page.browser.execute_script("arguments[0].scrollIntoView()", page.all(".open")[0])
    page.all(".open")[0].click()
    views = page["views"]
    hand = ActionChains(page.browser)
    hand.double_click(views).perform()
    assert zoom(page) == pytest.approx(2.25)
    ActionChains(page.browser).drag_and_drop_by_offset(views, 50, 30).perform()
    assert panned(page) == pytest.approx([50, 30], abs=1)
    for _ in range(2):
        ActionChains(page.browser).drag_and_drop_by_offset(views, 600, 0).perform()
    assert panned(page)[0] == pytest.approx(views.size["width"] * 1.25 / 2, abs=1)  # no further
    page.browser.execute_script(
        "arguments[0].dispatchEvent(new WheelEvent('wheel',"
        " { deltaY: -300, clientX: 640, clientY: 400, cancelable: true }))", views,
    )  # fmt: skip
    assert zoom(page) > 5
    page["viewer-fit"].click()
    assert zoom(page) == 1
    page["viewer-close"].click()
    assert not page["viewer"].is_displayed()


def test_two_fingers_zoom(page):
    make(page, seed=1)
    click(page, ".open")

    def touch(kind, *across):
        points = [{"x": x, "y": 400, "id": at} for at, x in enumerate(across)]
        event = {"type": f"touch{kind}", "touchPoints": points}
        page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    touch("Start", 600, 700)
    touch("Move", 550, 750)
    touch("Move", 500, 800)
    touch("End")
    page.until(lambda: zoom(page) == pytest.approx(3, abs=0.2))
    page["viewer-close"].click()


def test_the_viewer_shows_what_a_picture_started_from(page):
    make(page, seed=1)
    page["example"].click()
    make(page, seed=2, use="start")
    click(page, ".open")
    assert page["viewer-compare"].is_displayed()
    over = page.all("#views .over")[0]
    page.slide_at("#viewer-compare input", 30)
    assert "70%" in over.value_of_css_property("clip-path")
    slider = page.all("#viewer-compare input")[0]
    slider.send_keys(Keys.ARROW_RIGHT)  # the slider's own key
    assert slider.get_attribute("value") == "31"
    page["viewer-side"].click()
    right, left = page.all("#views .pane")
    assert right.rect["x"] >= left.rect["x"] + left.rect["width"]
    page["viewer-next"].click()
    assert not page["viewer-compare"].is_displayed() and not over.is_displayed()
    page["viewer-close"].click()


def test_the_result_is_enlarged_too(page):
    page["example"].click()
    make(page, seed=1, use="start")
    page.press("enlarge")
    assert page["viewer"].is_displayed() and page["viewer-compare"].is_displayed()
    page["viewer"].send_keys(Keys.ESCAPE)
    assert page.browser.switch_to.active_element == page["enlarge"]
    page["picture"].click()
    assert page["viewer"].is_displayed()
    page["viewer-close"].click()


def test_two_pictures_are_compared(page):
    for seed in (1, 2, 3):
        make(page, seed=seed)
    click(page, ".corner input", 0)
    assert not page["compare-selected"].is_enabled()
    click(page, ".corner input", 2)
    page.press("compare-selected")
    assert page["viewer-compare"].is_displayed()
    assert page.all("#viewer-compare input")[0].get_attribute("value") == "50"
    urls = {each.get_attribute("src") for each in page.all("#views img")}
    assert len(urls) == 2
    page["viewer-side"].click()
    assert page["viewer-side"].get_attribute("aria-pressed") == "true"
    page["viewer"].send_keys(Keys.ESCAPE)
    assert page.browser.switch_to.active_element == page["compare-selected"]


def nameless(page):
    """What can be used, by Chromium's own accessibility tree, and has no name."""
    page.browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    usable = {"button", "textbox", "combobox", "spinbutton", "slider", "radio", "checkbox", "link",
              "application", "dialog", "toolbar", "DisclosureTriangle"}  # fmt: skip
    return [
        node["role"]["value"]
        for node in nodes
        if node.get("role", {}).get("value") in usable and not node["name"]["value"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name, width, height", [("desktop", 1280, 900), ("phone", 390, 844)])
def test_everything_fits_and_has_a_name(page, name, width, height, scheme):
    page.open(width, height, scheme)
    page["example"].click()
    for seed in (90, 160, 230):
        make(page, seed=seed, use="start", prompt="a red circle and a blue square on white")
    click(page, ".star")
    click(page, ".corner input", 1)
    click(page, "#gallery summary", 2)
    assert page.sideways() <= 0 and not nameless(page)
    page.shoot(f"{name}-{scheme}-gallery", at="gallery-card")
    click(page, ".open")
    page.slide_at("#viewer-compare input", 40)
    assert page.sideways() <= 0 and not nameless(page)
    page.shoot(f"{name}-{scheme}-viewer")
    page["viewer-side"].click()
    page.shoot(f"{name}-{scheme}-beside")
    assert page["viewer"].size["height"] == height
