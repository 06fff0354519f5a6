"""Studio's prompt and easel in a real Chromium: what the model's card offers, what is kept."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from demo import card
from demo.shapes import caption
from tests import fakes
from tests.e2e.chromium import Page
from tests.e2e.serving_fakes import serving_fakes

INK = "return document.getElementById('canvas').toDataURL()"
COVERED = """
const mask = document.getElementById("mask");
const { data } = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
return data.filter((value, at) => at % 4 === 3 && value >= 128).length;
"""
EXAMPLES = [caption(scene) for scene in card.SCENES]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    card.write(folder)
    models = fakes.app_args().models.model_dump()
    models["generator"]["path"] = str(folder)
    with serving_fakes({"models": models}) as url:
        yield url


@pytest.fixture(scope="module")
def plain_url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(browser, url):
    """As it is once an example lies on its easel."""
    page = Page(browser, url).forget().open()
    page.until(lambda: page["sample-note"].is_displayed())
    yield page
    browser.get("about:blank")


@pytest.fixture
def plain(browser, plain_url):
    yield Page(browser, plain_url).forget().open()
    browser.get("about:blank")


def ink(page):
    return page.browser.execute_script(INK)


def prompt_of(page):
    return page.all("#draw-form [name=prompt]")[0].get_attribute("value")


def kept(page, table="drafts"):
    """The records of one of the page's tables."""
    return page.browser.execute_async_script(
        "const [name, done] = arguments;"
        "import('/studio/database.js').then(({ table }) => table(name))"
        ".then((records) => records.all()).then(done)",
        table,
    )


def until_kept(page, **fields):
    def is_kept():
        drafts = {each["id"]: each for each in kept(page)}
        return fields.items() <= drafts.get("fields", {}).get("fields", {}).items()

    page.until(is_kept)


def stroke(page):
    page.browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", page["canvas"])
    hand = ActionChains(page.browser, duration=50)
    hand.move_to_element(page["canvas"]).click_and_hold().move_by_offset(30, 30).release().perform()


def test_the_model_says_what_it_can_draw(page):
    assert page.text("model-note") == card.DESCRIPTION
    assert [each.text for each in page.all("#examples button")] == EXAMPLES
    assert prompt_of(page) in EXAMPLES
    assert not page["unknown"].is_displayed()
    page.type_prompt("A CAT, a red sofa and a cat on a blue background")
    assert page.text("unknown") == "Not known to this model: cat, sofa"
    assert page["unknown"].is_displayed()
    page.all("#examples button")[1].click()
    assert prompt_of(page) == EXAMPLES[1]
    assert not page["unknown"].is_displayed()


def test_an_example_lies_on_an_empty_easel_and_the_first_stroke_replaces_it(page):
    assert not page["hint"].is_displayed()
    page["clear"].click()
    page.until(lambda: page["hint"].is_displayed())
    blank = ink(page)
    page["undo"].click()
    page.until(lambda: page["sample-note"].is_displayed())
    example = ink(page)
    assert example != blank
    stroke(page)
    assert not page["sample-note"].is_displayed()
    drawn = ink(page)
    page["undo"].click()
    assert ink(page) == example and page["sample-note"].is_displayed()
    page["clear"].click()
    stroke(page)
    assert ink(page) == drawn, "nothing of the example was left"


def test_an_example_prompt_brings_its_sketch_but_takes_no_drawing_away(page):
    first = ink(page)
    chosen = next(text for text in EXAMPLES if text != prompt_of(page))
    page.all("#examples button")[EXAMPLES.index(chosen)].click()
    page.until(lambda: ink(page) != first)
    assert page["sample-note"].is_displayed()
    stroke(page)
    drawn = ink(page)
    page.all("#examples button")[EXAMPLES.index(chosen) - 1].click()
    assert prompt_of(page) == EXAMPLES[EXAMPLES.index(chosen) - 1]
    assert ink(page) == drawn
    page["example"].click()
    page.until(lambda: ink(page) != drawn)


def test_a_model_without_a_card_says_nothing(plain):
    plain.until(lambda: plain["hint"].is_displayed())
    plain.type_prompt("a cat on a sofa")
    for name in ("model-note", "examples", "unknown", "sample-note"):
        assert not plain[name].is_displayed()


def test_a_reload_loses_nothing_that_was_drawn_written_or_set(plain):
    stroke(plain)
    plain.type_prompt("kept words")
    plain.slide("draw-form", "num_inference_steps", 20)  # not the server's default, but the page's
    plain.slide("draw-form", "strength", 0.4)
    for css in ("[name=use][value=both]", "[name=upscale][value='2']", "[name=caption]"):
        plain.browser.execute_script(f"document.querySelector(`#draw-form {css}`).click()")
    plain["dice"].click()
    seed = plain["seed"].get_attribute("value")
    until_kept(
        plain,
        prompt="kept words", num_inference_steps="20", strength="0.4", use="both", upscale="2",
        caption=False, seed=seed,
    )  # fmt: skip
    drawn = ink(plain)
    plain.reload()
    plain.until(lambda: ink(plain) == drawn)
    assert prompt_of(plain) == "kept words"
    assert plain["seed"].get_attribute("value") == seed
    values = plain.browser.execute_script(
        "const form = new FormData(document.getElementById('draw-form'));"
        "return ['num_inference_steps', 'strength', 'use', 'upscale', 'caption']"
        ".map((name) => form.get(name))"
    )
    assert values == ["20", "0.4", "both", "2", None]
    assert not plain["hint"].is_displayed()


def test_a_masked_part_is_kept_too(plain):
    stroke(plain)
    plain.browser.execute_script("document.querySelector('[name=tool][value=mask]').click()")
    stroke(plain)
    mask = plain.browser.execute_script(COVERED)
    assert mask > 0
    plain.until(lambda: any(each.get("mask") is not None for each in kept(plain)))
    plain.reload()
    plain.until(lambda: plain.browser.execute_script(COVERED) == mask)


def test_finished_pictures_outlive_a_reload_until_they_are_cleared(plain):
    plain.generate("kept picture")
    plain.await_result()
    plain.until(lambda: len(plain.all("#gallery li")) == 1)
    plain.reload()
    plain.until(lambda: len(plain.all("#gallery li")) == 1)
    (record,) = kept(plain, "pictures")
    assert record["request"]["prompt"] == "kept picture" and record["size"]
    plain.press("clear-history")
    plain.browser.switch_to.alert.dismiss()
    assert len(plain.all("#gallery li")) == 1
    plain.press("clear-history")
    plain.browser.switch_to.alert.accept()
    plain.until(lambda: not plain.all("#gallery li"))
    plain.until(lambda: plain["gallery-note"].is_displayed())
    assert kept(plain, "pictures") == []


def test_a_refused_picture_stops_the_run_with_its_reason(plain, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    plain["choose"].send_keys(str(tmp_path / "broken.png"))
    reason = "broken.png is no picture that this browser can show."
    plain.until(lambda: plain.text("error") == reason)
    plain.press("generate")
    plain.until(lambda: plain["error"].is_displayed() and plain.text("error") == reason)
    assert not kept(plain, "runs") and not plain["cancel"].is_enabled()
    plain.press("clear")
    assert not plain["error"].is_displayed()
    plain.press("generate")
    plain.await_result()
