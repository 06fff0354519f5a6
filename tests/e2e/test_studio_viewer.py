"""Studio's viewer in a real Chromium: zoom, pan, comparisons."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.e2e.serving_fakes import serving_fakes
from tests.e2e.studio_acts import click, make, opened


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(browser, url):
    yield from opened(browser, url)


def panned(page):
    """Pixels to the right and down."""
    return page.browser.execute_script(
        "const style = getComputedStyle(document.getElementById('views'));"
        "return ['--x', '--y'].map((name) => parseFloat(style.getPropertyValue(name)));"
    )


def zoom(page):
    return float(page["views"].get_attribute("data-zoom"))


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
