"""What a page in the browser shows: its charts as Chart.js has them, its tables as texts, and what is wrong with it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_COLOURS = """id => {
    const canvas = document.getElementById(id);
    const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(pixels).size;
}"""
_CHART = """id => Object.fromEntries(Chart.getChart(id).data.datasets.map((set) => [set.label, set.data]))"""
_CELLS = """name => {
    const table = document.querySelector(`table[data-live="${name}"]`);
    const text = (cell) => cell.textContent.trim();
    return table && [...table.rows].map((row) => [...row.cells].map(text));
}"""


def drawn_colours(page: Page, chart_id: str) -> int:
    """How many different colours the canvas has: a blank one has one."""
    count: int = page.evaluate(_COLOURS, chart_id)
    return count


def chart(page: Page, chart_id: str) -> dict[str, list[Any]]:
    """The values of each line or stack of a chart, by its label."""
    data: dict[str, list[Any]] = page.evaluate(_CHART, chart_id)
    return data


def cells(page: Page, name: str) -> list[list[str]] | None:
    """The texts of the table of this name, its header first; None where there is none."""
    found: list[list[str]] | None = page.evaluate(_CELLS, name)
    return found


def scroll_width(page: Page) -> int:
    """How wide the page is, in pixels: wider than the window when it scrolls sideways."""
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def axe_complaints(page: Page) -> str:
    """What axe-core finds on the page; empty when it finds nothing."""
    results = Axe().run(page)
    return str(results.generate_report()) if results.violations_count else ""
