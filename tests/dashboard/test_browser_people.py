"""Funnel, retention and users in a real Chromium: made with the keyboard, read, and followed to a person."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.dashboard.drawn import scroll_width
from tests.dashboard.store_builder import Partition, make_event

FUNNEL = "/funnel/?step=visit%7Cplatform:is:web&step=buy&people=dropped-1"


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def write_weeks(store: Path) -> None:
    """Ten people of the web, three of whom buy; half of all come back a week later. One more on a phone."""
    events = []
    for n in range(10):
        events.append(make_event(days_ago(15 + n / 100), "visit", device_id=f"d{n}", platform="web"))
        if n < 5:
            events.append(make_event(days_ago(8), "visit", device_id=f"d{n}", platform="web"))
        if n < 3:
            events.append(make_event(days_ago(7.99), "buy", device_id=f"d{n}", revenue=12.5, currency="EUR"))
    events.append(make_event(days_ago(3), "visit", device_id="phone", platform="ios"))
    Partition(store).commit(events)


def test_a_funnel_is_made_in_the_page_and_stays_in_the_address(page: Page, store: Path) -> None:
    write_weeks(store)
    page.goto("/funnel/?range=30d")
    page.get_by_label("Step 1", exact=True).fill("visit")
    page.get_by_label("Step 2", exact=True).fill("buy")
    page.keyboard.press("Tab")
    page.wait_for_url("**/?range=30d&*step=visit&step=buy*")
    rows = page.locator("#steps-card tbody tr")
    expect(rows.nth(0)).to_contain_text("11")
    expect(rows.nth(1)).to_contain_text("27.3%")
    page.get_by_role("button", name="Add a condition to Step 1").press("Enter")
    page.get_by_label("Column or property", exact=True).last.fill("platform")
    page.get_by_label("Value", exact=True).last.fill("web")
    page.keyboard.press("Tab")
    page.wait_for_url("**step=visit%7Cplatform%3Ais%3Aweb&step=buy*")
    expect(rows.nth(1)).to_contain_text("30.0%")
    page.reload()
    expect(page.get_by_label("Step 1", exact=True)).to_have_value("visit")
    expect(rows.nth(1)).to_contain_text("30.0%")
    page.get_by_role("button", name="Add step").press("Enter")
    expect(page.get_by_label("Step 3", exact=True)).to_be_focused()
    page.keyboard.type("never")
    page.keyboard.press("Tab")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Remove Step 3").press("Enter")
    expect(rows).to_have_count(2)


def test_who_makes_a_funnel_by_keyboard_stays_where_they_are(page: Page, store: Path) -> None:
    write_weeks(store)
    page.goto("/funnel/?range=30d")
    page.get_by_label("Step 1", exact=True).fill("visit")
    page.get_by_label("Step 2", exact=True).fill("buy")
    page.keyboard.press("Tab")
    expect(page.locator("#steps-card tbody tr")).to_have_count(2)
    expect(page.get_by_role("button", name="Add a condition to Step 2")).to_be_focused()
    edges = [page.locator(part).bounding_box() for part in (".editors", ".cards")]
    assert all(edges)
    assert edges[1]["y"] - edges[0]["y"] - edges[0]["height"] == 16  # type: ignore[index]


def test_from_a_funnel_to_those_who_dropped_and_to_one_of_them(page: Page, store: Path) -> None:
    write_weeks(store)
    page.goto(FUNNEL.replace("&people=dropped-1", "&range=30d"))
    page.get_by_role("link", name="7 people went no further than step 1: list them").click()
    expect(page.locator("#people tbody tr")).to_have_count(7)
    page.locator("#people tbody a").first.click()
    expect(page.locator("#timeline-card")).to_contain_text("visit")
    assert "device=d" in page.url
    page.get_by_text("7 days").click()
    page.wait_for_url("**range=7d*device=d*")
    expect(page.locator("#timeline-card")).to_contain_text("Nothing in this range")
    page.get_by_role("link", name="Show everything").first.click()
    expect(page.locator("#timeline-card")).to_contain_text("visit")


def test_retention_has_shades_and_a_curve_that_say_the_same(page: Page, store: Path) -> None:
    write_weeks(store)
    page.goto("/retention/?range=30d&period=week")
    cell = page.locator(".heat-10").first
    expect(cell).to_have_text("50.0%")
    assert cell.evaluate("cell => getComputedStyle(cell).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert page.evaluate("Chart.getChart('average').data.datasets[0].data")[0] == pytest.approx(50)
    page.get_by_label("Comes back with", exact=True).fill("buy")
    page.keyboard.press("Tab")
    page.wait_for_url("**returning=buy*")
    expect(page.locator(".heat-10").first).to_have_text("30.0%")


def test_a_search_finds_a_user_from_the_keyboard(page: Page, store: Path) -> None:
    write_weeks(store)
    at = days_ago(2)
    traits = {"email": "zoe@example.com"}
    Partition(store, 1).commit(
        [make_event(at, "IDENTIFY", kind="identify", device_id="d1", user_id="zoe/1", properties=traits)]
    )
    page.goto("/users/?range=30d")
    expect(page.locator("#users-card tbody tr")).to_have_count(11)
    page.get_by_label("Search").fill("ZOE@")
    page.keyboard.press("Enter")
    expect(page.locator("#users-card tbody tr")).to_have_count(1)
    page.get_by_role("link", name="zoe/1").press("Enter")
    expect(page.get_by_role("heading", name="zoe/1")).to_be_visible()
    expect(page.locator("#traits-card")).to_contain_text("zoe@example.com")
    expect(page.locator("#ids-card tbody tr")).to_have_count(2)


def test_a_phone_scrolls_down_and_never_sideways(page: Page, store: Path) -> None:
    write_weeks(store)
    page.set_viewport_size({"width": 390, "height": 844})
    funnel = f"{FUNNEL}&range=30d&by=platform"
    for path in (funnel, "/retention/?range=30d", "/users/?range=30d", "/users/?range=30d&device=d1"):
        page.goto(path)
        assert scroll_width(page) == 390, path
