"""The debugger's pages and its news: who may see them, what they show, and how often they ask the database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics_app.codes import CODES
from analytics_app.debugger import DAYS, ROWS, code_counts
from analytics_app.models import IntakeCount, RecentEvent, Source
from brokerlytics.event import Reason

BASE = "/admin/analytics_app/source/"
UNKNOWN = f"{BASE}unknown/debugger/"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def add(source: Source | None, code: str = "accepted", event_type: str = "page_view", **fields: str) -> RecentEvent:
    return RecentEvent.objects.create(
        source=source, seen_on=NOON, code=code, endpoint="/v1/batch", event_type=event_type, **fields
    )


def pages(source: Source) -> list[str]:
    of_source = [f"{BASE}{source.pk}/{page}/" for page in ("debugger", "debugger/news", "snippets")]
    return [*of_source, UNKNOWN, f"{UNKNOWN}news/"]


def html(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_only_staff_who_may_see_sources_get_in(client: Client, source: Source) -> None:
    for page in pages(source):
        answer = client.get(page)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={page}")
    client.force_login(User.objects.create_user("reader"))
    for page in pages(source):
        assert client.get(page).status_code == 302
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    for page in pages(source):
        assert client.get(page).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_source"))
    for page in pages(source):
        assert client.get(page).status_code == 200


def test_a_source_that_does_not_exist(admin_client: Client, source: Source) -> None:
    for page in ("debugger", "debugger/news", "snippets"):
        assert admin_client.get(f"{BASE}{source.pk + 1}/{page}/").status_code == 404


def test_events_are_shown_newest_first_and_filtered(admin_client: Client, source: Source) -> None:
    add(source, event_type="first good")
    add(source, "too_long", "the bad", message="page_title has 2000 characters", field="page_title", excerpt="{}")
    add(source, event_type="last good")
    add(None, "invalid_write_key", "of nobody")
    add(Source.objects.create(name="other"), event_type="of another")
    url = f"{BASE}{source.pk}/debugger/"
    text = html(admin_client, url)
    assert text.index("last good") < text.index("the bad") < text.index("first good")
    assert "page_title has 2000 characters" in text
    assert "of nobody" not in text
    assert "of another" not in text
    accepted, rejected = html(admin_client, f"{url}?show=accepted"), html(admin_client, f"{url}?show=rejected")
    assert "last good" in accepted
    assert "the bad" not in accepted
    assert "the bad" in rejected
    assert "last good" not in rejected
    assert '<a href="?show=rejected" aria-current="page">' in " ".join(rejected.split())
    assert "of nobody" in html(admin_client, UNKNOWN)
    assert "last good" in html(admin_client, f"{url}?show=nonsense")


def test_what_clients_send_cannot_become_html(admin_client: Client, source: Source) -> None:
    evil = "<script>alert(1)</script>"
    event = add(source, evil[:50], evil, message=evil, field=evil, excerpt=f"</pre>{evil}")
    RecentEvent.objects.filter(pk=event.pk).update(endpoint=evil)
    IntakeCount.objects.create(source=source, day=timezone.now().date(), code=evil, events=1)
    Source.objects.filter(pk=source.pk).update(name=evil, allowed_origins=evil)
    for page in ("debugger", "snippets"):
        text = html(admin_client, f"{BASE}{source.pk}/{page}/")
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
    news = admin_client.get(f"{BASE}{source.pk}/debugger/news/").json()
    assert "<script>" not in news["rows"] + news["counts"]
    assert news["events"][0]["event_type"] == evil


def test_the_pages_hold_no_script_or_style_of_their_own(admin_client: Client, source: Source) -> None:
    add(source)
    for page in ("debugger", "snippets"):
        answer = admin_client.get(f"{BASE}{source.pk}/{page}/")
        body = answer.content.decode()
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<script>" not in body
        assert "<style" not in body
        assert " style=" not in body
        assert " onclick=" not in body.replace("&lt;button", "").split("<pre")[0]


def test_news_are_what_is_newer(admin_client: Client, source: Source) -> None:
    url = f"{BASE}{source.pk}/debugger/news/"
    old, new = add(source, event_type="old"), add(source, "too_long", "new")
    news = admin_client.get(f"{url}?after={old.pk}").json()
    assert news["last"] == new.pk
    assert news["events"] == [{"event_type": "new", "code": "too_long", "seen_on": "2026-11-23T12:00:00Z"}]
    assert news["rows"].count("<tr") == 1
    assert admin_client.get(f"{url}?after={old.pk}&show=accepted").json()["events"] == []
    nothing = admin_client.get(f"{url}?after={new.pk}").json()
    assert (nothing["last"], nothing["events"], nothing["rows"].strip()) == (new.pk, [], "")


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 19, "9" * 400, "%C2%B2", "1.5"])
def test_a_wrong_number_breaks_nothing(admin_client: Client, source: Source, after: str) -> None:
    assert admin_client.get(f"{BASE}{source.pk}/debugger/news/?after={after}").status_code == 200


def test_counts_of_the_last_days(source: Source) -> None:
    today = date(2026, 11, 23)

    def count(days_ago: int, code: str, events: int, of: Source | None = source) -> None:
        IntakeCount.objects.create(source=of, day=today - timedelta(days=days_ago), code=code, events=events)

    count(0, "too_long", 1)
    count(0, "missing_field", 2)
    count(DAYS - 1, "missing_field", 5)
    count(DAYS, "missing_field", 1000)
    count(1, "accepted", 3)
    count(0, "invalid_write_key", 9, of=None)
    counts = code_counts(source, today)
    assert [(count.code, count.accepted, count.today, count.total) for count in counts] == [
        ("accepted", True, 0, 3),
        ("missing_field", False, 2, 7),
        ("too_long", False, 1, 1),
    ]
    assert counts[2].meaning == CODES["too_long"]
    assert [count.code for count in code_counts(None, today)] == ["invalid_write_key"]


def test_the_page_says_what_a_code_means(admin_client: Client, source: Source) -> None:
    IntakeCount.objects.create(source=source, day=timezone.now().date(), code="rate_limited", events=4)
    assert CODES["rate_limited"] in html(admin_client, f"{BASE}{source.pk}/debugger/")


def test_an_empty_page_says_what_to_do(admin_client: Client, source: Source) -> None:
    text = html(admin_client, f"{BASE}{source.pk}/debugger/")
    assert "No event has arrived yet" in text
    assert f'href="{BASE}{source.pk}/snippets/"' in text
    assert f'href="{UNKNOWN}"' in text
    Source.objects.update(enabled=False)
    assert "This source is disabled" in html(admin_client, f"{BASE}{source.pk}/debugger/")


def test_the_pages_ask_little_however_much_there_is(
    admin_client: Client, source: Source, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(ROWS + 20):
        add(source, event_type=f"e{n}")
        IntakeCount.objects.create(source=source, day=timezone.now().date(), code=f"code{n}", events=1)
    # The session, the user, the source, the events and the counts.
    with django_assert_num_queries(5):
        text = html(admin_client, f"{BASE}{source.pk}/debugger/")
    assert text.count("data-event") == ROWS
    with django_assert_num_queries(5):
        admin_client.get(f"{BASE}{source.pk}/debugger/news/")


def test_every_reason_has_advice() -> None:
    assert set(Reason) <= set(CODES)
    assert all(advice.endswith(".") and len(advice) > 40 for advice in CODES.values())
    assert all(len(code) <= 50 for code in CODES)
