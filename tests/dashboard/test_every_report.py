"""Every report in a real Chromium: chart, table and API agree, axe-core finds nothing, phones never scroll sideways."""

import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from dashboard_app.registry import REPORTS
from tests.dashboard.drawn import axe_complaints, cells, chart, drawn_colours, scroll_width
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.long

NAMES = [report.name for report in REPORTS]
QUERY = "range=7d&compare=previous&filter=kind:is:track"


def write_fortnight(store: Path) -> None:
    """Visits of some people over two weeks, up to now, with pages, sources and payments."""
    pick, now = random.Random(5), timezone.now()
    events = []
    for visit in range(120):
        start = now - timedelta(minutes=1 if visit < 3 else pick.randrange(60 * 24 * 14))
        who: dict[str, Any] = {"device_id": f"d{pick.randrange(40)}", "country": pick.choice(["DE", "FR", None])}
        who |= {
            "browser": pick.choice(["Firefox", "Chrome"]),
            "platform": "web",
            "source": "shop",
            "app_version": "1.2",
        }
        if pick.random() < 0.4:
            who["user_id"] = f"u{who['device_id']}"
        for step, page in enumerate(["/", "/pricing", "/a-long-path/" + "x" * 80, "/cart"][: pick.randrange(1, 5)]):
            moment = start + timedelta(seconds=20 * step)
            events.append(make_event(moment, "page_view", page_path=page, referrer="https://search.example/", **who))
        if pick.random() < 0.5:
            paid = {"revenue": pick.choice([5, 19.99, 100]), "currency": pick.choice(["EUR", "USD"])}
            events.append(make_event(start + timedelta(seconds=90), "REVENUE", **paid, **who))
    Partition(store).commit([event for event in events if event.created_on <= now])


def page_path(name: str) -> str:
    return "/" if name == "overview" else f"/{name}/"


def visit(page: Page, name: str) -> None:
    page.goto(f"{page_path(name)}?{QUERY}")
    expect(page.locator("#report")).to_have_attribute("data-state", "report")


def number(text: str) -> float | None:
    """The number that a cell of the page says."""
    return float(text.replace(",", "")) if text else None


def as_number(value: str | int | float | None) -> float | None:
    """The number that the API gives, amounts of money as text; None where it is none."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def test_a_chart_its_table_and_the_api_say_the_same(page: Page, store: Path) -> None:
    cache.clear()
    write_fortnight(store)
    for name in NAMES:
        compare(page, name)


def compare(page: Page, name: str) -> None:
    """The charts of a report with its tables, and these with the API's."""
    visit(page, name)
    tables = page.request.get(f"/api/v1/stats/{name}?{QUERY}").json()["tables"]
    given = {table["name"]: table for table in tables}
    for canvas in page.locator("canvas").all():
        chart_id = canvas.get_attribute("id") or ""
        assert drawn_colours(page, chart_id) > 4
        header, *rows = cells(page, f"{chart_id}-table") or [[]]
        assert rows
        drawn = chart(page, chart_id)
        for column, label in enumerate(header[1:], 1):
            texts = [row[column] for row in rows]
            assert drawn[label][: len(rows)] == pytest.approx([number(text) for text in texts])
        if table := given.get(chart_id):
            given_columns = list(zip(*(row[1:] for row in table["rows"]), strict=True))
            for shown in zip(*(row[1:] for row in rows), strict=True):
                assert [number(cell) for cell in shown] in [[as_number(v) for v in values] for values in given_columns]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, store: Path, scheme: Literal["light", "dark"]) -> None:
    write_fortnight(store)
    page.emulate_media(color_scheme=scheme)
    for name in NAMES:
        visit(page, name)
        assert axe_complaints(page) == "", name


def test_a_phone_scrolls_down_and_never_sideways(page: Page, store: Path) -> None:
    write_fortnight(store)
    page.set_viewport_size({"width": 390, "height": 844})
    for name in NAMES:
        visit(page, name)
        assert scroll_width(page) == 390, name


CHANGES = [
    ("/explore/", "range=7d", "range=7d&by=country&measure1=devices"),
    ("/explore/", "range=7d&by=country", "range=7d&by=browser&event1=REVENUE"),
    ("/funnel/", "step=page_view&step=REVENUE&by=country", "step=page_view&step=REVENUE&by=browser&window=2d"),
    ("/retention/", "range=30d&period=day", "range=30d&period=week"),
    ("/revenue/", "range=7d&period=day&currency=EUR", "range=7d&period=week&currency=USD&by=browser"),
    ("/sessions/", "range=7d&by=platform", "range=7d&by=country&pages=2"),
    ("/users/", "range=7d", "range=7d&q=ud1"),
    ("/", "range=7d", "range=1h&filter=country:is:DE"),
]


@pytest.mark.parametrize(("path", "before", "after"), CHANGES)
def test_what_is_put_in_place_is_what_a_new_page_has(
    page: Page, store: Path, path: str, before: str, after: str
) -> None:
    write_fortnight(store)
    page.clock.install()
    page.goto(f"{path}?{before}")
    page.evaluate("query => history.replaceState(null, '', query)", f"?{after}")
    with page.expect_response(f"**{path}?{after}"):
        page.clock.run_for(10_500)
    page.wait_for_function("() => document.getElementById('report').ariaBusy === 'false'")
    in_place = text_of(page)
    page.goto(f"{path}?{after}")
    assert text_of(page) == in_place


def text_of(page: Page) -> str:
    """All that the report says, but for times that pass."""
    return re.sub(r"\d+ (s|min|h|d) ago|\d\d:\d\d", "", page.locator("#report").inner_text())


NAMED = [
    *("/?filter={name}:is:x", "/?source={name}", "/explore/?event1={name}&by=properties.{name}"),
    *("/funnel/?step={name}&step=b&by=properties.{name}&people=dropped-1", "/users/?q={name}", "/users/?user={name}"),
    *("/sessions/?by=properties.{name}", "/revenue/?by=properties.{name}"),
]


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_any_length_make_no_page_scroll_sideways(page: Page, store: Path, width: int) -> None:
    write_fortnight(store)
    page.set_viewport_size({"width": width, "height": 844})
    for path in NAMED:
        page.goto(path.format(name="a" * 120))
        assert scroll_width(page) == width, path


def test_the_cells_of_a_heat_map_are_shaded(page: Page, store: Path) -> None:
    write_fortnight(store)
    # All cohorts of the fortnight: those of a week are few, at some times of the day.
    page.goto("/retention/?range=30d")
    shades = "cells => new Set(cells.map((cell) => getComputedStyle(cell).backgroundColor)).size"
    assert page.locator(".heat td[class*=heat-]").evaluate_all(shades) >= 3
