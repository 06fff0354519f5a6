"""What the page keeps in the browser, over stages that are fakes."""

import pytest

from tests.e2e.chromium import Page
from tests.e2e.serving_fakes import serving_fakes

# A picture of 100 bytes and a request with one of 50.
KEEPING = """
const done = arguments[arguments.length - 1];
(async () => {
  const { History } = await import("/studio/history.js");
  const blob = (bytes) => new Blob([new Uint8Array(bytes)], { type: "image/png" });
  const record = (seed, more) => ({
    created: seed, blob: blob(100), caption: null, seed, size: "8x8", timings: {},
    request: { prompt: `prompt ${seed}`, control_image: blob(50) }, ...more,
  });
  const seeds = async (history) => (await history.all()).map((each) => each.seed);
  %s
})().then(done, (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def url():
    with serving_fakes() as url:
        yield url


@pytest.fixture
def keep(browser, url):
    page = Page(browser, url).forget()
    browser.get(f"{url}/docs")  # of the same origin, without the page's own records
    return lambda script: page.browser.execute_async_script(KEEPING % script)


def test_the_oldest_leave_first_and_favourites_last(keep):
    kept = keep("""
        const history = new History(3);
        await history.add(record(1, { favourite: true }));
        for (const seed of [2, 3, 4]) await history.add(record(seed));
        return seeds(history);
    """)
    assert kept == [4, 3, 1]


def test_all_bytes_of_a_record_count(keep):
    kept = keep("""
        const history = new History(100, 301);
        for (const seed of [1, 2, 3]) await history.add(record(seed));
        return seeds(history);
    """)
    assert kept == [3, 2]


def test_the_newest_is_kept_whatever_its_size(keep):
    kept = keep("""
        const history = new History(100, 10);
        await history.add(record(1, { favourite: true }));
        await history.add(record(2));
        return seeds(history);
    """)
    assert kept == [2]


def test_records_change_and_go(keep):
    told = keep("""
        const history = new History();
        let changes = 0;
        history.addEventListener("change", () => changes++);
        const { id } = await history.add(record(1));
        await history.add(record(2));
        await history.update(id, { favourite: true });
        await history.update("gone", { favourite: true });
        const [, first] = await history.all();
        await history.remove([id]);
        const left = await seeds(history);
        await history.clear();
        const { favourite, request } = first;
        return { changes, favourite, prompt: request.prompt, blob: request.control_image.size,
                 left, cleared: await seeds(history) };
    """)
    assert told == {
        "changes": 5, "favourite": True, "prompt": "prompt 1", "blob": 50,
        "left": [2], "cleared": [],
    }  # fmt: skip


def test_a_full_disk_costs_the_oldest(keep):
    kept = keep("""
        const history = new History();
        for (const seed of [1, 2, 3, 4]) await history.add(record(seed));
        const { put } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.put = function (record) {
          IDBObjectStore.prototype.put = put;
          throw new DOMException("full", "QuotaExceededError");
        };
        await history.add(record(5));
        return seeds(history);
    """)
    assert kept == [5, 4, 3]


def test_without_a_database_pictures_are_kept_until_the_page_closes(keep):
    kept = keep("""
        indexedDB.open = () => { throw new DOMException("no", "SecurityError"); };
        const history = new History();
        await history.add(record(1));
        await history.update((await history.all())[0].id, { favourite: true });
        return seeds(history);
    """)
    assert kept == [1]
