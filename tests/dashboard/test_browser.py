"""The page in a real Chromium: what it draws, and that the browser has nothing to complain about."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.dashboard.drawn import chart, drawn_colours, scroll_width
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.long


def hours_ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def write_day(store: Path) -> Partition:
    """60 events of three types in the last 24 hours, 30 in those before; revenue in two currencies."""
    events = [make_event(hours_ago(n % 20 + 1.5), device_id=f"d{n % 7}") for n in range(50)]
    events += [make_event(hours_ago(2), "REVENUE", revenue=9.99, currency="EUR", device_id="d1") for _ in range(6)]
    events += [make_event(hours_ago(3), "REVENUE", revenue=100, currency="JPY", device_id="d2") for _ in range(3)]
    events += [make_event(hours_ago(3), "START_SESSION", device_id="d2")]
    events += [make_event(hours_ago(26), "REVENUE", revenue=1, currency="EUR") for _ in range(30)]
    partition = Partition(store)
    partition.commit(events, garbage=b'not "committed')
    return partition


def test_the_charts_hold_the_numbers(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/?compare=previous")
    events = chart(page, "events")
    assert set(events) == {"page_view", "REVENUE", "START_SESSION", "All, previous period"}
    assert [sum(events[name]) for name in ("page_view", "REVENUE", "START_SESSION")] == [50, 9, 1]
    assert sum(events["All, previous period"]) == 30
    revenue = chart(page, "revenue")
    assert sum(revenue["EUR"]) == pytest.approx(59.94)
    assert sum(revenue["JPY"]) == 300
    # The larger amounts in yen do not flatten those in euro: each has a scale of its own, one below the other.
    scales = "() => Object.values(Chart.getChart('revenue').scales).filter((one) => one.axis === 'y')"
    panels = page.evaluate(f"({scales})().map((one) => [one.options.title.text, one.top, one.bottom, one.max])")
    assert [(name, round(most)) for name, *_, most in sorted(panels)] == [("EUR", 81), ("JPY", 405)]
    (_, top, middle, _), (_, below, bottom, _) = sorted(panels)
    assert top < middle <= below < bottom
    assert middle - top == pytest.approx(bottom - below, abs=1)
    assert max(chart(page, "people")["Unique devices"]) <= 7
    assert page.get_by_label("Headline numbers").inner_text().split()[:2] == ["Events", "60"]
    for name in ("events", "people", "revenue"):
        assert drawn_colours(page, name) > 10


def test_five_currencies_have_room_on_a_phone(page: Page, store: Path) -> None:
    codes = ["CHF", "EUR", "GBP", "JPY", "USD"]
    paid = [make_event(hours_ago(n + 1), "REVENUE", revenue=987_654, currency=code) for code in codes for n in range(3)]
    Partition(store).commit(paid)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    scales = "() => Object.values(Chart.getChart('revenue').scales).filter((one) => one.axis === 'y')"
    panels = page.evaluate(f"({scales})().map((one) => [one.options.title.text, one.width, one.height])")
    assert sorted(name for name, *_ in panels) == codes
    # A label such as 500k beside the turned name; three of them one above the other.
    assert all(width > 60 and height > 50 for _, width, height in panels)


def test_the_table_beside_a_chart_says_the_same(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/")
    page.locator("#events-card > details > summary").click()
    expect(page.locator("#events-card tbody tr")).to_have_count(24)
    cells = page.locator("#events-card tbody td:nth-of-type(1)").all_inner_texts()
    assert [int(cell) for cell in cells] == chart(page, "events")["page_view"]


def test_the_dark_scheme_is_followed_at_once(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/")
    look = "() => [getComputedStyle(document.body).backgroundColor, Chart.defaults.color]"
    light = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("light => Chart.defaults.color !== light", arg=light[1])
    assert page.evaluate(look)[0] != light[0]


def test_a_phone_scrolls_down_and_never_sideways(page: Page, store: Path) -> None:
    write_day(store)
    page.set_viewport_size({"width": 390, "height": 844})
    long = f"?filter=page_path:contains:{'a' * 80}"
    for query in ("?range=30d&compare=previous", "?range=custom", "?range=24h&interval=minute", long):
        page.goto(f"/{query}")
        assert scroll_width(page) == 390, query


def test_every_page_and_range_is_in_sight(page: Page, store: Path) -> None:
    write_day(store)
    User.objects.update(is_staff=True)
    edge = "one.parentElement.getBoundingClientRect().right"
    within = f"(all) => all.every((one) => one.getBoundingClientRect().right <= {edge})"
    for width in (390, 768, 1120, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto("/")
        expect(page.locator(".places a")).to_have_count(11)
        assert page.locator(".places a").evaluate_all(within), width
        assert page.locator(".segmented label").evaluate_all(within), width


def test_without_javascript_the_bar_and_the_tables_work(page: Page, store: Path, live_server: LiveServer) -> None:
    write_day(store)
    browser = page.context.browser
    assert browser
    cookies = page.context.storage_state()
    plain = browser.new_context(base_url=live_server.url, java_script_enabled=False, storage_state=cookies).new_page()
    plain.goto("/")
    plain.get_by_text("7 days", exact=True).click()
    plain.get_by_role("button", name="Show", exact=True).click()
    expect(plain).to_have_url(re.compile("range=7d"))
    assert not plain.locator(".canvas").first.is_visible()
    plain.locator("#events-card summary", has_text="as a table").click()
    expect(plain.locator("#events-card tbody tr")).to_have_count(7)
    plain.context.close()


def test_the_page_refreshes_in_place(page: Page, store: Path) -> None:
    partition = write_day(store)
    page.clock.install()
    page.goto("/")
    page.locator("#events-card > details > summary").click()
    page.evaluate("scrollTo(0, 300)")
    partition.commit([make_event(hours_ago(0), "signup")] * 5)
    page.clock.run_for(10_500)
    page.wait_for_function("() => Chart.getChart('events').data.datasets.some((set) => set.label === 'signup')")
    expect(page.get_by_label("Headline numbers")).to_contain_text("65")
    assert page.locator("#events-card > details").evaluate("details => details.open")
    assert page.evaluate("scrollY") == 300


def test_an_empty_page_becomes_a_report_with_the_first_event(page: Page, store: Path) -> None:
    page.clock.install()
    page.goto("/")
    expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
    write_day(store)
    page.clock.run_for(10_500)
    expect(page.get_by_role("heading", name="Top events")).to_be_visible()
    assert sum(chart(page, "events")["page_view"]) == 50


def test_a_failed_refresh_is_told_and_a_good_one_takes_it_back(page: Page, store: Path) -> None:
    write_day(store)
    page.clock.install()
    page.goto("/")

    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.clock.run_for(10_500)
    expect(page.get_by_role("status")).to_contain_text("you are signed out")
    assert drawn_colours(page, "events") > 10
    page.context.add_cookies(cookies)  # type: ignore[arg-type]  # as they were given
    page.clock.run_for(10_500)
    expect(page.get_by_role("status")).to_have_text("")


def test_the_bar_works_from_the_keyboard_and_keeps_the_url(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/")
    page.get_by_role("radio", name="24 hours").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/?range=7d*")
    page.wait_for_function("() => Chart.getChart('events').data.labels.length === 7")
    assert page.evaluate("document.activeElement.value") == "7d"
    page.get_by_label("Compare with previous period").press("Space")
    page.wait_for_url("**compare=previous*")
    page.wait_for_function("() => Chart.getChart('events').data.datasets.some((set) => set.before)")
    page.reload()
    expect(page.get_by_role("radio", name="7 days")).to_be_checked()
    page.go_back()
    page.wait_for_url("**/?range=7d&interval=auto")
    expect(page.get_by_label("Compare with previous period")).not_to_be_checked()


def test_a_wrong_custom_range_is_told_and_a_right_one_shown(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/")
    page.get_by_text("Custom").click()
    page.get_by_label("From").fill("2026-11-02T00:00")
    page.get_by_label("to", exact=True).fill("2026-11-01T00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("ends before it starts")
    page.get_by_label("From").fill("2026-10-25T00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.wait_for_function("() => Chart.getChart('events').data.labels.length === 7")


def test_the_keyboard_reaches_ranges_tables_and_filters(page: Page, store: Path) -> None:
    write_day(store)
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("w")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("radio", name="24 hours")).to_be_checked()
    page.keyboard.press("w")
    page.wait_for_url("**range=7d**")
    page.keyboard.press("t")
    expect(page.locator("#events-card tbody")).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.type("event_type")
    page.get_by_label("Value").fill("REVENUE")
    page.keyboard.press("Enter")
    page.wait_for_url("**filter=event_type:is:REVENUE")
    expect(page.get_by_label("Headline numbers")).to_contain_text("39")
    page.get_by_role("link", name="Remove the filter event_type is REVENUE").click()
    expect(page.get_by_label("Headline numbers")).to_contain_text("90")
    page.keyboard.press("2")
    page.wait_for_url("**/explore/**")
