"""Studio's runs in a real Chromium, over stages that are fakes: queue, reload, labels, times."""

import pytest
import requests
from selenium.webdriver.common.keys import Keys

from tests.e2e.chromium import Page
from tests.e2e.conftest import await_true
from tests.e2e.serving_fakes import Turns, serving_fakes

LEAVING = """
const leaving = new Event("beforeunload", { cancelable: true });
dispatchEvent(leaving);
return leaving.defaultPrevented;
"""


@pytest.fixture(scope="module")
def turns():
    return Turns()


@pytest.fixture(scope="module", params=["jobs", "streams"])
def url(turns, request):
    with serving_fakes({"jobs": {}} if request.param == "jobs" else None, turns.generated) as url:
        yield url


@pytest.fixture(scope="module")
def url_of_jobs(turns):
    with serving_fakes({"jobs": {}}, turns.generated) as url:
        yield url


def opened(browser, url):
    browser.get_log("browser")
    yield Page(browser, url).forget().open()
    browser.get("about:blank")
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not [text for text in complaints if "Policy" in text or "Uncaught" in text]


@pytest.fixture
def page(browser, url):
    yield from opened(browser, url)


@pytest.fixture
def page_of_jobs(browser, url_of_jobs):
    yield from opened(browser, url_of_jobs)


def queue_of(page):
    return [each.text for each in page.all("#queue span")]


def gallery_of(page):
    return [each.text for each in page.all("#gallery li > p:first-of-type")]


def names_of(page):
    return [each.get_attribute("download") for each in page.all("#gallery a[download]")]


def test_runs_wait_their_turn_and_each_keeps_its_own_words(page, turns):
    page.generate("one")
    page.until(lambda: turns.waiting == ["one"])
    page.generate("two")
    page.generate("three")
    page.until(lambda: queue_of(page) == ["two", "three"])
    page.type_prompt("not asked for yet")
    page.all("#queue button")[0].click()
    page.until(lambda: queue_of(page) == ["three"])
    turns.finish("one")
    page.until(lambda: turns.waiting == ["three"])
    page.until(lambda: not queue_of(page))
    turns.finish("three")
    page.until(lambda: len(page.all("#gallery li")) == 2)
    labels = [page.browser.execute_script("return arguments[0].textContent", each)
              for each in page.all("#gallery li")]  # fmt: skip
    assert "three" in labels[0] and "one" in labels[1]
    assert page.all("#draw-form [name=prompt]")[0].get_attribute("value") == "not asked for yet"
    page.until(lambda: page.text("progress-line").startswith("Done in"))
    assert not page["cancel"].is_enabled()


def test_one_that_fails_is_named_and_the_next_one_begins(page, turns):
    page.generate("first")
    page.until(lambda: turns.waiting == ["first"])
    page.browser.execute_script(
        "document.querySelector('#draw-form [name=prompt]').value = 'x'.repeat(3000)"
    )
    page.press("generate")
    page.generate("last")
    page.until(lambda: len(queue_of(page)) == 2)
    turns.finish("first")
    page.until(lambda: turns.waiting == ["last"])
    told = f"“{'x' * 60}”: Prompt has 3000 characters; at most 2000 (limits.max_prompt_chars"
    assert page.text("error").startswith(told)
    turns.finish("last")
    page.await_done()
    assert page["error"].is_displayed(), "still to be read"


def test_cancelling_what_runs_begins_the_next_one(page, turns):
    page.generate("stops")
    page.until(lambda: turns.waiting == ["stops"])
    page.generate("goes on")
    page.until(lambda: queue_of(page) == ["goes on"])
    page.press("cancel")
    page.until(lambda: turns.waiting[-1:] == ["goes on"])
    turns.finish("goes on")
    page.await_done()
    page.until(lambda: len(page.all("#gallery li")) == 1)


def test_control_enter_generates_and_the_focus_stays(page, turns):
    page.type_prompt("by keyboard")
    prompt = page.all("#draw-form [name=prompt]")[0]
    prompt.send_keys(Keys.CONTROL, Keys.ENTER)
    page.until(lambda: turns.waiting == ["by keyboard"])
    assert page.browser.switch_to.active_element == prompt
    turns.finish("by keyboard")
    page.await_done()
    assert page.browser.switch_to.active_element == prompt
    assert prompt.get_attribute("value") == "by keyboard"


def test_only_while_work_runs_leaving_is_asked_about(page, turns):
    assert page.browser.execute_script(LEAVING) is False
    page.generate("work")
    page.until(lambda: turns.waiting == ["work"])
    assert page.browser.execute_script(LEAVING) is True
    turns.finish("work")
    page.until(lambda: not page.browser.execute_script(LEAVING))


def test_a_reload_finds_what_runs_and_what_waits(page_of_jobs, turns):
    page, before = page_of_jobs, len(turns.asked)
    page.generate("found again")
    page.until(lambda: turns.waiting == ["found again"])
    page.generate("after it")
    page.until(lambda: queue_of(page) == ["after it"])
    page.reload()
    page.until(lambda: queue_of(page) == ["after it"])
    page.until(lambda: page["cancel"].is_enabled())
    turns.finish("found again")
    page.until(lambda: turns.waiting == ["after it"])
    turns.finish("after it")
    page.until(lambda: len(page.all("#gallery li")) == 2)
    assert len(turns.asked) - before == 2, "nothing was made twice"
    page.reload()
    page.until(lambda: len(page.all("#gallery li")) == 2)
    assert not page["cancel"].is_enabled()


def test_one_that_was_done_meanwhile_is_fetched(page_of_jobs, url_of_jobs, turns):
    page = page_of_jobs
    page.generate("meanwhile")
    page.until(lambda: turns.waiting == ["meanwhile"])
    page.browser.get("about:blank")
    turns.finish("meanwhile")
    newest = lambda: requests.get(f"{url_of_jobs}/v1/jobs").json()["data"][0]["status"]  # noqa: E731
    await_true(lambda: newest() == "succeeded", 20)
    page.open()
    page.until(lambda: len(page.all("#gallery li")) == 1)


def test_one_that_is_cancelled_elsewhere_is_cancelled_here(page_of_jobs, url_of_jobs, turns):
    page = page_of_jobs
    page.generate("elsewhere")
    page.until(lambda: turns.waiting == ["elsewhere"])
    (job, *_) = requests.get(f"{url_of_jobs}/v1/jobs").json()["data"]
    requests.delete(f"{url_of_jobs}/v1/jobs/{job['id']}")
    page.until(lambda: page.text("progress-line") == "Cancelled")
    assert not page["error"].is_displayed()


def test_a_connection_that_breaks_is_made_again(page_of_jobs, turns):
    page = page_of_jobs
    page.generate("on the road")
    page.until(lambda: turns.waiting == ["on the road"])
    page.until(lambda: "Step" in page.text("progress-line"))
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        page.until(lambda: page["lamp"].get_attribute("data-state") == "down")
        turns.finish("on the road")
    finally:
        page.browser.execute_cdp_cmd("Network.disable", {})
    page.await_done()
    page.until(lambda: len(page.all("#gallery li")) == 1)


def test_without_jobs_a_reload_begins_anew(browser, turns):
    with serving_fakes(None, turns.generated) as url:
        page = Page(browser, url).forget().open()
        page.generate("lost")
        page.until(lambda: turns.waiting == ["lost"])
        page.reload()
        page.until(lambda: not turns.waiting)  # its client has left
        page.generate("made")
        page.until(lambda: turns.waiting == ["made"])
        turns.finish("made")
        page.await_done()
        page.until(lambda: len(page.all("#gallery li")) == 1)
        browser.get("about:blank")


def test_times_are_told_as_people_tell_them(page):
    told = page.browser.execute_async_script("""
        const done = arguments[0];
        import("/studio/words.js").then(({ about, took }) => done([
          [0.2, 4.4, 17, 58, 89, 119, 3500, 7300].map(about), [0.31, 9.97, 59.4, 125].map(took),
        ]));
    """)
    assert told == [
        ["about 1 s", "about 4 s", "about 15 s", "about 1 min", "about 1 min", "about 2 min",
         "about 58 min", "about 2 h"],
        ["0.3 s", "10 s", "59 s", "2 min 5 s"],
    ]  # fmt: skip
