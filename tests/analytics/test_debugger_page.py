"""The debugger and the set-up page in a real Chromium: what is new appears by itself."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from analytics_app.models import RecentEvent, Source

BASE = "/admin/analytics_app/source/"


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A page of a signed-in admin, and the check that its console stayed empty."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    context = chromium.new_context(base_url=live_server.url, permissions=["clipboard-read", "clipboard-write"])
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    context.close()
    assert complaints == []


@pytest.fixture
def source(live_server: LiveServer) -> Source:  # noqa: ARG001 (its database)
    return Source.objects.create(name="web")


def add(source: Source, event_type: str, code: str = "accepted") -> None:
    RecentEvent.objects.create(
        source=source, seen_on=timezone.now(), code=code, endpoint="/v1/t", event_type=event_type, excerpt='{"a": 1}'
    )


def test_a_new_event_appears_on_top_by_itself(page: Page, source: Source) -> None:
    page.goto(f"{BASE}{source.pk}/debugger/")
    expect(page.get_by_text("No event has arrived yet")).to_be_visible()
    add(source, "first")
    rows = page.locator("#events tr")
    expect(rows).to_have_count(1)
    expect(page.get_by_text("No event has arrived yet")).to_be_hidden()
    page.locator("summary").click()
    add(source, "<b>second</b>", "too_long")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("<b>second</b>")
    expect(rows.first.locator(".badge.bad")).to_have_text("too_long")
    # What the reader has opened stays open.
    expect(rows.last.locator("pre")).to_be_visible()


def test_a_paused_page_waits(page: Page, source: Source) -> None:
    page.clock.install()
    page.goto(f"{BASE}{source.pk}/debugger/?show=rejected")
    page.get_by_role("button", name="Pause").click()
    add(source, "bad", "too_long")
    add(source, "good")
    page.clock.run_for(10_000)
    expect(page.locator("#events tr")).to_have_count(0)
    expect(page.locator("#live")).to_have_text("Paused")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#events tr")).to_have_count(1)
    expect(page.locator("#events")).to_contain_text("bad")


def test_who_is_signed_out_is_told(page: Page, source: Source) -> None:
    page.clock.install()
    page.goto(f"{BASE}{source.pk}/debugger/")
    page.context.clear_cookies()
    page.clock.run_for(2_500)
    expect(page.locator("#live")).to_have_text("Not refreshed: you are signed out.")


def test_a_server_that_does_not_answer_is_told_until_it_does(page: Page, source: Source) -> None:
    page.clock.install()
    page.goto(f"{BASE}{source.pk}/debugger/")

    def stay_away(route: Route) -> None:
        route.fulfill(status=200, body="no JSON")

    page.route("**/news/**", stay_away)
    page.clock.run_for(2_500)
    expect(page.locator("#live")).to_contain_text("Not refreshed")
    page.unroute("**/news/**", stay_away)
    page.clock.run_for(2_500)
    expect(page.locator("#live")).to_have_text("Live")


def test_the_set_up_page_copies_and_hears_of_the_first_event(page: Page, source: Source) -> None:
    page.goto(f"{BASE}{source.pk}/snippets/")
    expect(page.locator("#first")).to_contain_text("Waiting for the first event")
    page.locator('[data-copy="curl-native"]').click()
    expect(page.locator('[data-copy="curl-native"]')).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -u {source.write_key}:")
    add(source, "Signed Up")
    expect(page.locator("#first")).to_contain_text("Received: Signed Up accepted")


@pytest.mark.parametrize("path", ["debugger/", "snippets/"])
def test_a_phone_scrolls_down_and_never_sideways(page: Page, source: Source, path: str) -> None:
    add(source, "e" * 200)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{BASE}{source.pk}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
