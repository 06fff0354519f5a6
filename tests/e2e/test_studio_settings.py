"""Settings of finished pictures in a real Chromium: copied, and put back into the form."""

import base64
import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.e2e.serving_fakes import serving_fakes
from tests.e2e.studio_acts import (
    act,
    click,
    fields,
    make,
    opened,
    set_fields,
)
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
def page(browser, url):
    yield from opened(browser, url)


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
