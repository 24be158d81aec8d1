"""The page in a real browser: a picture that moves, events that come, and their whole past."""

import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
SHOWN = "#live-view:not([hidden]) .number, #event-view:not([hidden]) .chain"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
]
PICTURE = """() => {
  const canvas = document.querySelector("canvas");
  if (document.querySelector(".screen").classList.contains("dim")) return "";
  return canvas.toDataURL("image/jpeg", 0.3);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A served demo."""
    folder = tmp_path_factory.mktemp("page")
    with (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "viseon", "demo", "--home", folder / "home", "--port", "0"],
            stderr=err,
        )
        try:
            yield _address(folder / "err")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    sync = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """The page at `/`; nothing it asks for may be anywhere else, and no script may fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    away = [
        u
        for u in asked
        if not u.startswith((address, address.replace("http", "ws"), "blob:", "data:"))
    ]
    assert away == []
    assert failed == []


def _address(path):
    for _ in range(600):
        if found := re.search(r"http://\S+", path.read_text()):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(path.read_text())


def until(page, expression, arg=None, *, timeout=30_000):
    """Poll from here: the page's own policy forbids evaluating text in it, as it should."""
    deadline = time.monotonic() + timeout / 1000
    while time.monotonic() < deadline:
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {timeout / 1000} s: {expression}")


def test_the_picture_moves_and_events_come_by_themselves(page):
    until(page, f"() => ({PICTURE})() !== ''", timeout=60_000)
    first = page.evaluate(PICTURE)
    until(page, f"first => ({PICTURE})() !== first", first, timeout=10_000)
    page.wait_for_selector("#events-list a", timeout=60_000)
    many = page.locator("#events-list a").count()
    until(
        page,
        "many => document.querySelectorAll('#events-list a').length > many",
        many,
        timeout=90_000,
    )
    assert page.locator("#events-link").inner_text() == "Live"
    page.wait_for_selector(".truth", timeout=10_000)


def test_an_event_opens_with_its_frame_and_leads_to_the_training_images(page):
    page.wait_for_selector("#events-list a", timeout=90_000)
    page.locator("#events-list a").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".chain .pictures img", timeout=60_000)
    kinds = page.locator(".chain .kind").all_inner_texts()
    assert kinds == [
        "Event",
        "Stream configuration",
        "Model",
        "Run",
        "Dataset version",
        "Training images",
    ]
    drawn = page.locator(".drawing")
    assert drawn.locator(".way").count() == 2
    assert drawn.locator(".spot").count() == 1
    assert drawn.locator(".place").count() == 1
    until(page, "() => document.querySelector('.frame img').naturalWidth > 0")
    until(page, "() => document.querySelectorAll('.pictures .boxes rect').length > 0")
    until(page, "() => document.querySelector('.pictures img').naturalWidth > 0")
    assert "viseon trace" in page.locator("#event-view .copy-as pre").inner_text()
    page.get_by_role("tab", name="curl").click()
    assert "/trace" in page.locator("#event-view .copy-as pre").inner_text()
    page.locator(".thumb-button").first.click()
    assert page.locator("dialog[open] img").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector("#live-view:not([hidden])")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_nothing_sticks_out_and_every_text_can_be_read(browser, address, scheme, width, height):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#events-list a", timeout=90_000)
    for hash_ in ("#/", page.locator("#events-list a").first.get_attribute("href")):
        page.goto(f"{address}/{hash_}")
        page.wait_for_selector(SHOWN, timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        faint = page.evaluate(CONTRAST)
        assert faint == [], f"{scheme}: below 4.5 to 1"
    context.close()


def test_a_server_that_goes_and_comes_back_is_found_again(browser, tmp_path):
    command = [sys.executable, "-m", "viseon", "demo", "--home", tmp_path / "home", "--port"]

    def start(port, name):
        with (tmp_path / name).open("w") as err:
            process = subprocess.Popen([*command, str(port)], stderr=err)
        return process, _address(tmp_path / name)

    process, address = start(0, "first")
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(address)
        until(page, f"() => ({PICTURE})() !== ''", timeout=60_000)
        process.kill()
        process.wait()
        page.wait_for_selector(".banner:not([hidden])", timeout=15_000)
        assert page.locator("#events-link").inner_text() == "Connecting again …"
        process, _ = start(address.rpartition(":")[2], "second")
        page.wait_for_selector(".banner", state="hidden", timeout=30_000)
        page.wait_for_selector("#events-link.live", timeout=30_000)
        until(page, f"() => ({PICTURE})() !== ''", timeout=30_000)
    finally:
        context.close()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


CONTRAST = """() => {
  // WCAG 2.2, 1.4.3: every visible text against the nearest background that is not transparent
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0.95) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); ) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".cover, .quiet, .skip, noscript, option")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${node.data.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
