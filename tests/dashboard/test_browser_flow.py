"""Sessions, revenue and the present in a real Chromium."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.dashboard.drawn import scroll_width
from tests.dashboard.store_builder import Partition, make_event

CHART = "id => Object.fromEntries(Chart.getChart(id).data.datasets.map((set) => [set.label, set.data]))"
ROWS = "table => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"


def ago(**length: float) -> datetime:
    return timezone.now() - timedelta(**length)


def chart(page: Page, name: str) -> dict[str, list[Any]]:
    data: dict[str, list[Any]] = page.evaluate(CHART, name)
    return data


def rows(page: Page, card: str) -> list[list[str]]:
    found: list[list[str]] = page.locator(f"#{card}-card table").last.evaluate(ROWS)
    return found


def write_visits(store: Path) -> None:
    """Four sessions of two hours ago: two by the same way, one that bounces, one without a page; two payments."""
    start = ago(hours=2)

    def visit(device: str, *paths: str | None, **more: Any) -> list[Any]:
        return [
            make_event(start + timedelta(seconds=30 * n), device_id=device, page_path=path, platform="web", **more)
            for n, path in enumerate(paths)
        ]

    events = [*visit("d1", "/", "/", "/cart", "/thanks"), *visit("d2", "/", "/cart", "/"), *visit("d3", "/blog")]
    events += visit("d4", None, None, country="DE")
    events += [make_event(ago(hours=1.9), "REVENUE", device_id="d1", revenue=9.995, currency="EUR", country="FR")]
    events += [make_event(ago(hours=1.9), "REVENUE", device_id="d2", revenue=500, currency="JPY", country="DE")]
    Partition(store).commit(events)


def test_sessions_tell_where_people_go(page: Page, store: Path) -> None:
    write_visits(store)
    page.goto("/sessions/")
    assert page.get_by_label("Headline numbers").inner_text().split()[:2] == ["Sessions", "4"]
    assert sum(chart(page, "sessions")["Sessions"]) == 4
    assert rows(page, "entries")[0][:2] == ["/", "2"]
    assert [row[:2] for row in rows(page, "paths")] == [
        ["/ → /cart → /", "1"],
        ["/ → /cart → /thanks", "1"],
        ["/blog", "1"],
    ]
    page.locator("#paths-card select").select_option("2")
    page.wait_for_url("**pages=2*")
    expect(page.locator("#paths-card tbody tr")).to_have_count(2)
    assert [row[:2] for row in rows(page, "paths")] == [["/ → /cart", "2"], ["/blog", "1"]]
    page.get_by_label("By", exact=True).fill("country")
    page.get_by_label("By", exact=True).press("Enter")
    page.wait_for_url("**by=country*")
    expect(page.locator("#values-card tbody")).to_contain_text("DE")
    page.reload()
    assert page.get_by_label("By", exact=True).input_value() == "country"


def test_revenue_is_shown_one_currency_at_a_time(page: Page, store: Path) -> None:
    write_visits(store)
    page.goto("/revenue/")
    cards = page.get_by_label("Headline numbers")
    expect(cards).to_contain_text("EUR")
    expect(cards).to_contain_text("JPY")
    assert sum(chart(page, "revenue")["EUR"]) == pytest.approx(9.995)
    assert page.locator("#values-card tbody td span").first.get_attribute("title") == "9.995"
    page.get_by_label("Charts and tables in").select_option("JPY")
    page.wait_for_url("**currency=JPY*")
    page.wait_for_function("() => Chart.getChart('revenue').data.datasets[0].label === 'JPY'")
    assert sum(chart(page, "revenue")["JPY"]) == 500
    assert rows(page, "values") == [["DE", "500.00", "1", "500.00", "1", "500.00", "100.0%", ""]]
    assert chart(page, "lifetime")["JPY"][0] == 125
    # Two hours ago may have been yesterday.
    assert [row[1:3] for row in rows(page, "cohorts") if row[1] != "0"] == [["4", "125.00"]]


LOOKS = """() => Chart.getChart('series').legend.legendItems.map(({ fillStyle, pointStyle }) => {
    const context = document.createElement('canvas').getContext('2d');
    context.fillStyle = fillStyle;
    context.fillRect(0, 0, 6, 6);
    return `${pointStyle} ${context.getImageData(0, 0, 6, 6).data}`;
})"""
SHAPES = """() => Chart.getChart('series').getSortedVisibleDatasetMetas().map(({ dataset, data }) => {
    const points = data.map((point) => point.options).filter((one) => one.radius);
    return dataset.options.borderColor + points.map((one) => one.pointStyle);
})"""


def test_ten_series_look_different_in_the_legend_and_the_chart(page: Page, store: Path) -> None:
    events = [make_event(ago(hours=n), country=f"C{c}") for c in range(10) for n in (1.5, 2.5, 3.5)]
    Partition(store).commit(events)
    for view in ("line", "bar"):
        page.goto(f"/explore/?by=country&top=10&view={view}")
        assert len(set(page.evaluate(LOOKS))) == 10
    page.goto("/explore/?by=country&top=10&view=line")
    assert len(set(page.evaluate(SHAPES))) == 10


def test_what_is_committed_appears_in_the_stream_and_nothing_jumps(page: Page, store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(ago(minutes=2, seconds=n), f"old {n}", device_id=f"d{n % 3}") for n in range(40)])
    page.clock.install()
    page.goto("/live/")
    stream = page.locator("#stream-card .scroll")
    tallest = page.evaluate("document.documentElement.scrollHeight")
    stream.evaluate("scroller => { scroller.scrollTop = 400; }")
    place = "scroller => scroller.querySelector('[title=\"old 20\"]').getBoundingClientRect().top"
    before = stream.evaluate(place)
    partition.commit([make_event(ago(seconds=0), "fresh", device_id="newcomer", page_path="/now")] * 3)
    page.clock.run_for(2_500)
    expect(stream.locator("tbody tr").first).to_contain_text("fresh")
    assert stream.evaluate(place) == pytest.approx(before, abs=1)
    assert page.evaluate("document.documentElement.scrollHeight") == tallest
    newcomer = page.locator("#visitors-card").get_by_role("link", name="newcomer")
    expect(newcomer).to_have_attribute("href", "/users/?device=newcomer")
    expect(page.locator("#pages-card")).to_contain_text("/now")
    assert sum(chart(page, "minutes")["Events"]) == 43


def test_the_stream_stops_and_goes_on(page: Page, store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(ago(minutes=1), "old")])
    page.clock.install()
    page.goto("/live/")
    page.keyboard.press("p")
    expect(page.get_by_text("Paused: nothing here changes.")).to_be_visible()
    partition.commit([make_event(ago(seconds=0), "fresh")])
    page.clock.run_for(10_000)
    stream = page.locator("#stream-card tbody")
    expect(stream).not_to_contain_text("fresh")
    page.get_by_role("button", name="Go on").click()
    page.clock.run_for(2_500)
    expect(stream).to_contain_text("fresh")


def test_new_rows_are_not_animated_for_who_does_not_want_it(page: Page, store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(ago(minutes=1), "old")])
    page.emulate_media(reduced_motion="reduce")
    page.clock.install()
    page.goto("/live/")
    partition.commit([make_event(ago(seconds=0), "fresh")])
    page.clock.run_for(2_500)
    row = page.locator("#stream-card tbody tr.new")
    expect(row).to_contain_text("fresh")
    assert row.evaluate("row => getComputedStyle(row).animationName") == "none"


@pytest.mark.parametrize("width", [390, 1280])
def test_all_pages_of_the_present_are_seen(page: Page, store: Path, width: int) -> None:
    Partition(store).commit([make_event(ago(seconds=5), page_path=f"/{n}", device_id="d") for n in range(10)])
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/live/")
    card = page.locator("#pages-card")
    expect(card.locator("tbody tr")).to_have_count(10)
    assert card.evaluate("card => card.scrollHeight - card.clientHeight") == 0


def test_a_phone_scrolls_down_and_never_sideways(page: Page, store: Path) -> None:
    write_visits(store)
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("sessions", "revenue", "live", "pipeline"):
        page.goto(f"/{name}/?compare=previous")
        assert scroll_width(page) == 390, name
