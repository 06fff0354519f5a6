"""Studio's mask in a real Chromium: painted, sent, kept, and before and after."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.e2e.chromium import Page
from tests.e2e.serving_fakes import serving_fakes
from tests.e2e.studio_acts import (
    choose,
    made,
    opened,
    share_masked,
    stroke,
    take,
)
from tests.images import sketch


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(browser, url):
    yield from opened(browser, url)


def picture_of(data_url):
    return Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))


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
    asked = made(page)
    assert asked["url"] == "/v1/images/edits"
    assert asked["mask_blur"] == "4" and asked["strength"] == "1"
    assert "padding_mask_crop" not in asked
    image, mask = picture_of(asked["image"]), picture_of(asked["mask_image"])
    assert image.size == mask.size == picture_of(asked["control_image"]).size == (512, 256)
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
    asked = made(page)
    assert asked["padding_mask_crop"] == "48" and "control_image" not in asked


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
    asked = made(page)
    assert "mask_image" not in asked and "mask_blur" not in asked


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
    made(page)
    assert page["compare"].is_displayed() and page["before"].is_displayed()
    page.slide_at("#compare input", 40)
    assert "60%" in page["before"].value_of_css_property("clip-path")
    page.browser.execute_script("document.querySelector('[name=use][value=none]').click()")
    made(page)
    assert not page["compare"].is_displayed() and not page["before"].is_displayed()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mask_at_a_desk(page, scheme, tmp_path):
    page.open(1280, 900, scheme)
    choose(page, sketch(512, 400), tmp_path)
    page.slide_at("#brush-size", 80)
    take(page, "mask")
    stroke(page, (-60, 0), (40, 10))
    made(page)
    page.slide_at("#compare input", 50)
    assert page.sideways() <= 0
    page.shoot(f"desktop-{scheme}-mask")
