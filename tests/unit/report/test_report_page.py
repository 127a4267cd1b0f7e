"""A report's page in a real browser: drawn offline, filtered, sorted, hovered over, in both themes, on a phone."""

from pathlib import Path

import pytest
from browser import Browser
from report_parts import full_subject

from binder.report.page import render_page

DRAWN = "[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))"
CHARTS = 7  # matrix, legs, learning curve, map, gaps, histograms, reliability


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(full_subject()), encoding="utf-8")
    return path


def test_everything_is_drawn_and_names_of_users_are_inert(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        opened.page.wait_for_function(DRAWN)
        assert opened.page.locator(".plot").count() == CHARTS
        assert opened.page.locator("section").count() == opened.page.locator("nav a").count() == 15
        assert opened.page.locator("figure.media").count() > 20
        assert opened.page.evaluate("window.hacked") is None
        assert "<script>window.hacked" in opened.page.locator("h1").inner_text()
        opened.screenshot("report-light")
        assert (opened.errors, opened.asked) == ([], [])


def test_the_selectors_change_the_heat_map_and_hovering_tells_chance(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        opened.page.wait_for_function(DRAWN)
        matrix = opened.page.locator("#matrix")
        title, numbers = matrix.locator(".cbtitle"), matrix.locator(".heatmap-label")
        before = numbers.all_text_contents()
        assert (title.text_content(), len(before)) == ("hit@1", 12)
        matrix.locator("select").nth(0).select_option(label="mAP")
        opened.page.wait_for_function("document.querySelector('#matrix .cbtitle').textContent == 'mAP'")
        assert numbers.all_text_contents() != before
        matrix.locator("select").nth(1).select_option(index=1)  # under which images see nothing of the others
        opened.page.wait_for_function("document.querySelectorAll('#matrix .heatmap-label').length == 6")
        matrix.locator(".nsewdrag").hover(position={"x": 100, "y": 10})
        assert "chance" in matrix.locator(".hoverlayer text").first.text_content()
        assert opened.errors == []


def test_the_table_is_filtered_and_sorted(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        cells = opened.page.locator("#cells")
        rows = cells.locator("tbody tr:visible")
        total = rows.count()
        cells.get_by_label("Filter").fill("imu depth")
        assert 0 < rows.count() < total
        assert all("imu" in text and "depth" in text for text in rows.all_inner_texts())
        assert cells.locator("output").inner_text() == f"{rows.count()} of {total} rows"
        cells.get_by_label("Filter").fill("")
        cells.get_by_label("Certificate").select_option("tainted")
        assert 0 < rows.count() < total and all("tainted" in text for text in rows.all_inner_texts())
        cells.get_by_label("Certificate").select_option("all")
        head = cells.locator("th", has_text="hit@1").first
        for sorted_up, name in ((False, "descending"), (True, "ascending")):
            head.locator("button").press("Enter")
            assert head.get_attribute("aria-sort") == name
            values = [float(text.split()[0]) for text in cells.locator("tbody td:nth-child(4)").all_inner_texts()]
            assert values == sorted(values, reverse=not sorted_up) and len(values) == total


def test_the_theme_is_chosen_and_charts_follow(browser: Browser, page: Path) -> None:
    ink = "getComputedStyle(document.querySelector('.xtitle')).fill"
    with browser.open(page) as opened:
        opened.page.wait_for_function(DRAWN)
        light = opened.page.evaluate(ink)
        for name in ("light", "dark"):
            opened.page.locator("#theme").click()
            assert opened.page.locator("#theme").inner_text() == f"Theme: {name}"
        opened.page.wait_for_function(f"{ink} != '{light}'")
        opened.screenshot("report-dark")
        opened.page.locator("#theme").click()
        opened.page.wait_for_function(f"{ink} == '{light}'")
        assert opened.errors == []


def test_a_phone_scrolls_down_only_and_keys_reach_everything(browser: Browser, page: Path) -> None:
    with browser.open(page, width=360, dark=True) as opened:
        opened.page.wait_for_function(DRAWN)
        opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
        opened.screenshot("report-dark-phone")
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.className") == "skip"
        unnamed = "[...document.querySelectorAll('select, input, button, audio')].filter(one => !one.labels?.length"
        assert opened.page.evaluate(f"{unnamed} && !one.textContent && !one.ariaLabel).length") == 0
        assert opened.page.evaluate("document.querySelectorAll('img:not([alt]), table:not(:has(caption))').length") == 0
