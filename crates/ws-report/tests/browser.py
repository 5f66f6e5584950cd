"""Looks at report pages in a real browser: Debian's Chromium, driven by selenium.

browser.py PAGE... [--paper PAGE...]

Pages after `--paper` are only checked on paper. Each page is opened from disk. On every page, at two widths and in both themes: nothing on the console, nothing
loaded, every picture visible and within the window, texts of enough contrast, values under the pointer and on the
arrow keys, and whole on paper.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

WIDE, NARROW = 1280, 390

# Every text of the page against what it stands on; WCAG 2, AA.
CONTRAST = """
const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parse = (colour) => {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
const ground = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const poor = [];
for (let node; (node = walker.nextNode()); ) {
  const element = node.parentElement;
  if (!node.data.trim() || element.closest("script, style, title, desc, [aria-hidden=true]")) continue;
  if (!element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const in_picture = element.closest("svg");
  const under = ground(in_picture ? in_picture.parentElement : element);
  const own = parse(in_picture ? style.fill : style.color);
  const [a, b] = [luminance(over(own, under)), luminance(under)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(node.data.trim().slice(0, 40) + ": " + ratio.toFixed(2));
}
return poor;
"""

# What would be read aloud or typed at, but has no name.
NAMELESS = """
return [...document.querySelectorAll("button, [tabindex], [role], svg")]
  .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
  .filter((e) => !e.matches(".scroll"))
  .filter((e) => !(e.ariaLabel || (e.getAttribute("aria-labelledby") || "").split(" ").some((id) =>
    id && document.getElementById(id)?.textContent.trim()) || (e.localName === "button" && e.textContent.trim())))
  .map((e) => e.outerHTML.slice(0, 80));
"""

# Where the pictures are, and what they have to show: as many as a window of this width shows.
PICTURES = """
return [...document.querySelectorAll(".plot")].filter((plot) => plot.checkVisibility()).map((plot) => {
  const svg = plot.querySelector("svg");
  const { left, right, width, height } = svg.getBoundingClientRect();
  const box = svg.viewBox.baseVal;
  return { left, right, width, height, box: [box.x, box.y, box.width, box.height],
           title: svg.querySelector("title").textContent, data: JSON.parse(plot.nextElementSibling.textContent) };
});
"""


class Browser:
    def __init__(self):
        options = Options()
        # As root there is no sandbox; the pages are ours.
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        driver = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=Service(driver))

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def window(self, width):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                 mobile=width < 600)

    def media(self, theme, motion="no-preference"):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": motion}])

    def open(self, page):
        self.driver.get_log("performance")
        self.driver.get(page.absolute().as_uri())

    def console(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        entries = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [entry["params"]["request"]["url"] for entry in entries
                if entry["method"] == "Network.requestWillBeSent"]


def nearest(picture, x, y, slack):
    """The values nearest to a place in the viewBox, which is known within some slack."""
    def distance(hover):
        hx, hy, _ = hover
        return abs(hx - x) if hy is None else ((hx - x) ** 2 + (hy - y) ** 2) ** 0.5
    at = picture["data"]["at"]
    least = min(map(distance, at))
    return {tuple(" ".join(line.split()) for line in hover[2]) for hover in at if distance(hover) <= least + slack}


def fits(browser, page, width):
    """Everything stands within the window, and every picture is there."""
    pictures = browser.js(PICTURES)
    figures = browser.js("return document.querySelectorAll('figure').length")
    assert len(pictures) == figures > 0, (page, width, len(pictures), figures)
    assert browser.js("return document.documentElement.scrollWidth") <= width, (page, width)
    for picture in pictures:
        assert picture["width"] > 200 and picture["height"] > 100, picture
        assert picture["left"] >= 0 and picture["right"] <= width, picture
        assert picture["title"].strip(), picture
        assert picture["data"]["at"], picture["title"]
    return pictures


def under_the_pointer(browser, pictures):
    """Moving over a picture shows the values that belong to that place, and leaving hides them."""
    driver = browser.driver
    plots = [p for p in driver.find_elements("css selector", ".plot") if p.is_displayed()]
    for plot, picture in zip(plots, pictures, strict=True):
        cursor = plot.find_element("css selector", ".cursor")
        browser.js("arguments[0].scrollIntoView({block: 'center'})", plot)
        left, top, width, height = picture["box"]
        tip = plot.find_element("css selector", ".tip")
        seen = set()
        for share in (0.25, 0.5, 0.75):
            rect = cursor.rect
            across, down = round(rect["width"] * share), round(rect["height"] * 0.5)
            ActionChains(driver, duration=0).move_to_element_with_offset(
                cursor, across - int(rect["width"] / 2), down - int(rect["height"] / 2)).perform()
            place = browser.js("""
                const { left, top, width, height } = arguments[0].getBoundingClientRect();
                return [left, top, width, height];""", plot)
            # Where the pointer is, within a pixel, in the viewBox's coordinates.
            x = left + across / place[2] * width
            y = top + down / place[3] * height
            wanted = nearest(picture, x, y, slack=3 * width / place[2])
            assert tip.is_displayed(), picture["title"]
            lines = tuple(span.text for span in tip.find_elements("css selector", "span"))
            assert lines in wanted, (picture["title"], lines, wanted)
            seen.add(lines)
            inside = browser.js("""
                const [tip, plot] = [...arguments].map((e) => e.getBoundingClientRect());
                return tip.left >= plot.left - 1 && tip.right <= plot.right + 1;""", tip, plot)
            assert inside, (picture["title"], "the values stand outside of the picture")
        # A run of one second has one second to show.
        assert len(seen) > 1 or len(picture["data"]["at"]) < 3, (picture["title"], "the same values everywhere")
        ActionChains(driver, duration=0).move_to_element(driver.find_element("css selector", "h2")).perform()
        assert not tip.is_displayed(), picture["title"]


def on_the_keys(browser, pictures):
    """Tab reaches every picture, and the keys walk through its values."""
    driver = browser.driver
    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    driver.find_element("css selector", "body").click()
    reached = []
    for _ in range(400):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        focused = driver.switch_to.active_element
        if focused.tag_name == "body":
            break
        outline = focused.value_of_css_property("outline-style"), focused.value_of_css_property("outline-width")
        assert outline[0] != "none" and outline[1] != "0px", (focused.get_attribute("outerHTML")[:80], outline)
        if focused.get_attribute("role") != "slider":
            continue
        picture = pictures[len(reached)]
        at = picture["data"]["at"]
        said = lambda: focused.get_attribute("aria-valuetext")
        number = lambda: int(focused.get_attribute("aria-valuenow"))
        tip = browser.js("return arguments[0].parentElement.querySelector('.tip')", focused)
        assert tip.is_displayed(), "a picture shows a value as soon as it is reached"
        last = len(at) - 1
        for key, index in [(Keys.HOME, 0), (Keys.ARROW_RIGHT, min(1, last)), (Keys.ARROW_LEFT, 0),
                           (Keys.ARROW_LEFT, 0), (Keys.END, last), (Keys.ARROW_RIGHT, last)]:
            focused.send_keys(key)
            assert number() == index + 1, (picture["title"], key, number())
            assert said() == ", ".join(at[index][2]), (picture["title"], said())
            assert [s.text for s in tip.find_elements("css selector", "span")] == \
                [" ".join(line.split()) for line in at[index][2]]
        focused.send_keys(Keys.ESCAPE)
        assert not tip.is_displayed()
        reached.append(picture["title"])
    assert reached == [picture["title"] for picture in pictures], reached


def themes(browser):
    """Both are readable, and they are not the same."""
    looks = {}
    for theme in ("light", "dark"):
        browser.media(theme)
        poor = browser.js(CONTRAST)
        assert not poor, (theme, poor)
        looks[theme] = browser.js("""
            const of = (e, what) => getComputedStyle(e)[what];
            const plot = document.querySelector(".plot svg");
            return [of(document.body, "backgroundColor"), of(document.body, "color"),
                    ...[...plot.querySelectorAll("*")].map((e) => of(e, "fill"))];""")
    light, dark = looks["light"], looks["dark"]
    assert light[0] != dark[0] and light[1] != dark[1]
    assert light[2:] != dark[2:], "the pictures have their own theme"


def on_paper(browser, page):
    """Nothing is cut off, whatever the theme of the screen."""
    browser.media("dark")
    grounds = browser.cdp("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "page.pdf"
        pdf.write_bytes(base64.b64decode(grounds["data"]))
        boxes = subprocess.run(["pdftotext", "-bbox", pdf, "-"], check=True, capture_output=True, text=True).stdout
        text = subprocess.run(["pdftotext", "-raw", pdf, "-"], check=True, capture_output=True, text=True).stdout
        pixels = subprocess.run(["pdftoppm", "-r", "20", "-f", "1", "-l", "1", pdf], check=True,
                                capture_output=True).stdout
    assert list(pixels[-3:]) == [255, 255, 255], "paper is white"
    width = height = None
    words, above = 0, []
    for line in boxes.splitlines():
        numbers = [float(n) for n in re.findall(r'="(-?[0-9.]+)"', line)]
        if "<page " in line:
            width, height = numbers
            above = []
        elif "<word " in line:
            words += 1
            left, top, right, bottom = numbers
            assert left >= 0 and top >= 0 and right <= width and bottom <= height, line
            # Two words in one place: tables side by side without enough room.
            for other_left, other_top, other_right, other_bottom in above:
                across = min(right, other_right) - max(left, other_left)
                down = min(bottom, other_bottom) - max(top, other_top)
                assert across < 2 or down < (bottom - top) / 2, line
            above.append(numbers)
    assert words > 100, page
    printed = re.sub(r"\s", "", text)
    wanted = browser.js("""
        return [...document.querySelectorAll("h1, h2, caption, pre code, footer p, .banner li, main > section > div th")]
          .filter((e) => !e.closest("details")).map((e) => e.textContent);""")
    for piece in wanted:
        # A hyphen at the end of a line is the printer's.
        piece = re.sub(r"\s", "", piece)
        assert piece in printed or piece.replace("-", "") in printed.replace("-", ""), (page, piece)


def without_script(browser, page):
    """The page says all it has to say."""
    text = browser.js("return document.querySelector('main').innerText").replace("\nCopy\n", "\n")
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    plain = browser.js("return document.querySelector('main').innerText")
    words = lambda text: [word for word in text.split() if word != "Copy"]
    assert words(plain) == words(text)
    fits(browser, page, WIDE)


def look_at(browser, page):
    browser.media("light")
    for width in (NARROW, WIDE):
        browser.window(width)
        browser.open(page)
        pictures = fits(browser, page, width)
        nameless = browser.js(NAMELESS)
        assert not nameless, nameless
        under_the_pointer(browser, pictures)
    on_the_keys(browser, pictures)
    themes(browser)
    browser.media("light", "reduce")
    assert browser.js("return getComputedStyle(document.querySelector('.dot')).transitionDuration") == "0s"
    on_paper(browser, page)
    without_script(browser, page)
    console = browser.console()
    assert not console, console
    requests = set(browser.requests())
    assert requests == {page.absolute().as_uri()}, requests
    print(f"{page.name}: {len(pictures)} pictures")


def main():
    at = sys.argv.index("--paper") if "--paper" in sys.argv else len(sys.argv)
    pages, on_paper_only = sys.argv[1:at], sys.argv[at + 1 :]
    browser = Browser()
    try:
        for page in pages:
            look_at(browser, Path(page))
        for page in on_paper_only:
            browser.open(Path(page))
            on_paper(browser, Path(page))
            print(f"{page}: on paper")
    finally:
        browser.driver.quit()


main()
