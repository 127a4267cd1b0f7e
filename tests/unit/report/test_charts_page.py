"""Charts in a real browser: drawn offline, filtered, hovered over, light and dark; an old browser is told why not."""

from pathlib import Path

import pytest
from browser import Browser
from charts import one_of_each

from binder.report.figures import chart, chart_scripts


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("charts") / "charts.html"
    body = "".join(chart(figure, title=name, description=name) for name, figure in one_of_each().items())
    style = ":root{color-scheme:light dark} body{color:CanvasText}"
    head = f"<!doctype html><meta charset=utf-8><style>{style}</style>"
    path.write_text(f"{head}<body>{body}{chart_scripts()}", encoding="utf-8")
    return path


def test_charts_are_drawn_filtered_and_hovered_over(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        opened.page.wait_for_selector("figure:nth-of-type(8) .main-svg")
        assert opened.page.locator(".js-plotly-plot").count() == 8
        opened.screenshot("charts-light")

        matrix = opened.page.locator("figure").nth(0)
        matrix.locator(".nsewdrag").first.hover(position={"x": 10, "y": 70})
        matrix.locator(".hoverlayer text").first.wait_for()
        assert "chance 0.125" in matrix.locator(".hoverlayer").text_content()

        points = opened.page.locator("figure").nth(7)
        assert points.locator(".points path.point").count() == 60
        points.locator(".legendtoggle").first.click()
        opened.page.wait_for_function(
            "document.querySelectorAll('figure')[7].querySelectorAll('path.point').length==30"
        )
        points.locator(".updatemenu-button").nth(1).click()
        opened.page.wait_for_function("document.querySelectorAll('figure')[7].querySelectorAll('.traces').length == 4")
        assert "label 1" in points.locator(".legend").text_content()
        assert (opened.errors, opened.asked) == ([], [])


def test_dark_pages_have_light_text_also_after_a_change(browser: Browser, page: Path) -> None:
    ink = "getComputedStyle(document.querySelector('.xtitle')).fill"
    with browser.open(page, dark=True, width=360) as opened:
        opened.page.wait_for_selector("figure:nth-of-type(8) .main-svg")
        assert opened.page.evaluate(ink) == "rgb(255, 255, 255)"
        opened.screenshot("charts-dark-phone")
        opened.page.emulate_media(color_scheme="light")
        opened.page.wait_for_function(f"{ink} == 'rgb(0, 0, 0)'")
        assert opened.errors == []


def test_a_browser_that_cannot_unpack_is_told(browser: Browser, page: Path) -> None:
    with browser.open(page, before="delete window.DecompressionStream") as opened:
        assert "too old for the charts" in opened.page.locator(".plot").first.inner_text()
