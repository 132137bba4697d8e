"""A report as a page: what can be read without eyes, and what a browser makes of it."""

import html
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.report import learnability_report

LEAST_CONTRAST = 4.5  # of text, as the Web Content Accessibility Guidelines have it (1.4.3, AA)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def page():
    X, y = make_learnability_classification(900, 6, learnability=0.3, random_state=0)
    frame = pd.DataFrame(X, columns=["a_name_that_is_longer_than_a_phone_is_wide", *"bcdef"])
    frame["site"] = np.random.default_rng(0).choice(["north", "south"], len(y))
    logistic, dummy = (
        make_pipeline(ColumnTransformer([("numbers", "passthrough", slice(0, 6))]), model)
        for model in (LogisticRegression(), DummyClassifier())
    )
    report = learnability_report(
        frame, y, {"good": logistic, "bad": dummy}, candidates=[("logistic", logistic)]
    )
    return report.to_html(show_rows=frame)


class Elements(HTMLParser):
    """The elements of a page with their attributes and their text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes), "inside": list(self.open)}
        self.found.append(element)
        if tag not in {"meta", "br", "img", "hr", "link", "input"}:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1]["tag"] == tag:
            self.open.pop()

    def handle_data(self, text):
        for element in self.open:
            element["text"] += text

    def of(self, *tags):
        return [element for element in self.found if element["tag"] in tags]


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page)


def test_the_page_says_its_language_and_title(elements):
    (top,), (title,) = elements.of("html"), elements.of("title")
    assert top["lang"] == "en"
    assert title["text"].strip()
    (viewport,) = [one for one in elements.of("meta") if one.get("name") == "viewport"]
    assert "user-scalable" not in viewport["content"]


def test_headings_go_down_by_one_from_a_single_first(elements):
    levels = [int(one["tag"][1]) for one in elements.found if re.fullmatch("h[1-6]", one["tag"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) == 1
    assert all(one["text"].strip() for one in elements.of("h1", "h2", "h3"))


def test_every_picture_has_words_in_its_place(elements):
    pictures = elements.of("svg", "img")
    assert pictures
    for picture in pictures:
        around = [one for one in picture["inside"] if one.get("role") == "img"]
        assert (picture.get("aria-hidden") == "true" and around) or picture.get("alt")
        assert all(one["aria-label"].strip() for one in around)


def test_tables_say_what_their_columns_are(elements):
    assert len(elements.of("table")) == len(elements.of("caption")) > 3
    assert all(one["text"].strip() for one in elements.of("caption"))
    for head in elements.of("th"):
        assert head["scope"] in ("col", "row")
        assert head["text"].strip()


def test_links_and_regions_have_names_and_lead_somewhere(elements):
    ids = [one["id"] for one in elements.found if "id" in one]
    assert len(set(ids)) == len(ids)
    for link in elements.of("a"):
        assert link["href"].removeprefix("#") in ids
        assert link.get("aria-label") or link["text"].strip()
    for one in elements.found:
        if one.get("role") in ("region", "group", "img") or one["tag"] == "section":
            assert one["aria-label"].strip()


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_colours():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_the_paper(page, theme):
    blocks = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    assert len(blocks) == 2
    colours = {}
    for block in blocks[: 1 if theme == "light" else 2]:
        colours |= dict(re.findall(r"--(\w+): (#\w{6})", block))
    written = set(re.findall(r"[^-]color: var\(--(\w+)\)", page))
    written |= {
        fill
        for text in re.findall(r"<text\b[^>]*>", page)
        for fill in re.findall(r"fill: var\(--(\w+)\)", text)
    }
    assert {"ink", "muted", "accent", "blue"} <= written
    ratios = {name: contrast(colours[name], colours["paper"]) for name in written}
    assert min(ratios.values()) >= LEAST_CONTRAST, ratios
    drawn = {name: contrast(colours[name], colours["paper"]) for name in ("blue", "vermilion")}
    assert min(drawn.values()) >= 3, drawn  # of what is no text (1.4.11)


def test_no_text_of_a_figure_has_a_colour_of_its_own(page):
    for text in re.findall(r"<text\b[^>]*>", page):
        assert not re.search(r"fill: #", text), text


#: Tells the frame's parent how wide the page is, what it fetched, and which text is hard to read.
PROBE = """
<script>
const violated = [];
addEventListener("securitypolicyviolation", e => violated.push(e.blockedURI));
addEventListener("load", () => {
  const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
  const luminance = rgb => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number);
    return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b) };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const faint = [];
  for (const one of document.body.querySelectorAll("*")) {
    const words = [...one.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!words.length || one.tagName === "SCRIPT" || one.tagName === "style") continue;
    const style = getComputedStyle(one), own = one instanceof SVGElement ? style.fill : style.color;
    const [low, high] = [luminance(own), paper].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < LEAST) faint.push([words[0].data.trim(), own, ratio]);
  }
  const said = parent.document.createElement("pre");
  said.textContent = JSON.stringify({
    width: innerWidth, needed: document.scrollingElement.scrollWidth, paper, faint, violated,
    fetched: performance.getEntriesByType("resource").map(e => e.name),
    shown: document.querySelectorAll("svg").length,
  });
  parent.document.body.append(said);
});
</script>
"""
NOTHING_FETCHED = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
)


def browse(page, folder, *, dark):
    """Return what a page says of itself in frames of two widths, and the browser's complaints."""
    probe = PROBE.replace("LEAST", str(LEAST_CONTRAST))
    probed = page.replace("<head>", f"<head>{NOTHING_FETCHED}{probe}", 1)
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{html.escape(probed)}">'
        "</iframe>"
        for width in (1280, 420)
    )
    (folder / "frames.html").write_text(f"<!doctype html><body>{frames}</body>", encoding="utf-8")
    options = ["--headless", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,900"]
    options += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    options += [f"--user-data-dir={folder / 'profile'}"]
    options += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    uri = Path(folder / "frames.html").as_uri()
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", uri], capture_output=True, text=True, timeout=120
    )
    said = re.findall(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return [json.loads(html.unescape(one)) for one in said], complaints


@pytest.mark.slow  # starts a browser
@pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is on the path")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_page(page, tmp_path, dark):
    found, complaints = browse(page, tmp_path, dark=dark)
    assert sorted(one["width"] for one in found) == [420, 1280]
    for one in found:
        assert one["needed"] <= one["width"]
        assert one["shown"] == page.count("<svg")
        assert one["fetched"] == one["violated"] == []
        assert one["faint"] == []
        assert (one["paper"] < 0.1) == dark
    assert complaints == []


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is on the path")
def test_the_browser_would_tell(page, tmp_path):
    broken = page.replace(
        "<main>",
        '<main><div style="width: 900px">wide</div><p style="color: #bbbbbb">faint</p>'
        '<img alt="" src="https://example.invalid/pixel.png">'
        "<script>console.error('said')</script>",
    )
    found, complaints = browse(broken, tmp_path, dark=False)
    narrow = min(found, key=lambda one: one["width"])
    assert narrow["needed"] > 420
    assert [text for text, *_ in narrow["faint"]] == ["faint"]
    assert narrow["violated"] == ["https://example.invalid/pixel.png"]
    assert any("said" in line for line in complaints)
