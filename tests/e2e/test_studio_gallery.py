"""Studio's gallery in a real Chromium, over stages that are fakes."""

import io
import zipfile

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from tests.e2e.serving_fakes import serving_fakes
from tests.e2e.studio_acts import act, click, make, opened


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def page(browser, url):
    yield from opened(browser, url)


def seeds(page):
    return page.browser.execute_script(
        "const notes = [...document.querySelectorAll('#gallery li > .note')];"
        "return notes.map((note) => Number(note.textContent.split(' ')[1]));"
    )


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
