"""Snippets: each holds the host and the key in its own language, and the one for a plain page works."""

import json
import re
import shlex

import msgspec
import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Route
from pytest_django import Settings

from analytics_app.models import RecentEvent, Source
from analytics_app.snippets import filled_sections, is_local
from brokerlytics.event_codec import build_event
from tests.waiting import comes_true_in

HOST = "https://events.example.org"
KEY = "wk_0123456789abcdef0123456789abcdef"


def code(snippet_id: str, host: str = HOST, key: str = KEY) -> str:
    snippets = {snippet.id: snippet for section in filled_sections(host, key).values() for snippet in section}
    return snippets[snippet_id].code


def all_snippets(host: str = HOST) -> list[tuple[str, str, str]]:
    sections = filled_sections(host, KEY)
    return [(snippet.id, snippet.code, snippet.warning) for section in sections.values() for snippet in section]


def test_every_platform_has_every_vendor() -> None:
    sections = filled_sections(HOST, KEY)
    assert list(sections) == ["Web", "iOS", "Android", "Node", "Python", "curl"]
    assert [len(snippets) for snippets in sections.values()] == [4, 2, 2, 3, 3, 2]
    ids = [snippet_id for snippet_id, _, _ in all_snippets()]
    assert len(ids) == len(set(ids)) == 16


@pytest.mark.parametrize(("snippet_id", "text", "warning"), all_snippets())
def test_each_is_filled(snippet_id: str, text: str, warning: str) -> None:
    assert KEY in text
    assert "events.example.org" in text
    assert not re.search(r"\$[a-z]", text), snippet_id
    assert warning == ""
    for ours in ("127.0.0.1", "localhost", "api.segment.io", "rudderlabs.com", "i.posthog.com"):
        assert ours not in text


def test_hosts_as_each_sdk_wants_them() -> None:
    host = "http://127.0.0.1:8000"
    assert 'apiHost: "127.0.0.1:8000/v1", protocol: "http"' in code("web-segment", host)
    assert f'.load("{KEY}", "{host}", {{ configUrl: "{host}" }})' in code("web-rudderstack", host)
    assert f'api_host: "{host}"' in code("web-posthog", host)
    assert f'dataPlaneUrl: "{host}"' in code("node-rudderstack", host)
    assert f'PostHogConfig(apiKey: "{KEY}", host: "{host}")' in code("ios-posthog", host)
    assert f"{host}/v1/batch " in code("curl-segment", host)
    assert code("curl-native", f"{host}/") == code("curl-native", host)


def test_sdks_that_know_https_only_say_so() -> None:
    warned = {snippet_id for snippet_id, _, warning in all_snippets("http://127.0.0.1:8000") if warning}
    assert warned == {"ios-segment", "android-segment"}


@pytest.mark.parametrize("host", ["http://127.0.0.1:8000", "http://localhost", "https://[::1]:8000"])
def test_what_only_this_computer_reaches(host: str) -> None:
    assert is_local(host)
    assert not is_local(HOST)
    assert not is_local("http://localhost.example.org")


@pytest.mark.parametrize("name", ["segment", "rudderstack", "posthog"])
def test_python_is_python(name: str) -> None:
    key = "wk_\"'$x</script>"
    namespace: dict[str, str] = {}
    text = code(f"python-{name}", HOST, key)
    compile(text, name, "exec")
    literal = re.findall(r'"wk_[^\n]*?(?<!\\)"', text)[0]
    exec(f"key = {literal}", namespace)
    assert namespace["key"] == key


def test_strange_keys_stay_inside_their_strings() -> None:
    key = "wk_\"'$x</script>;\\"
    assert "</script>;" not in code("web-segment", HOST, key)
    assert "$x" not in code("android-posthog", HOST, key)
    assert r"\u{0024}x" in code("ios-posthog", HOST, key)
    literal = re.findall(r'posthog.init\((".*"), \{', code("web-posthog", HOST, key))[0]
    assert json.loads(literal) == key
    assert shlex.split(code("curl-native", HOST, key))[2] == f"{key}:"


def test_the_curl_line_is_an_event_that_is_taken() -> None:
    words = shlex.split(code("curl-native").replace("\\\n", " "))
    assert words[:3] == ["curl", "-u", f"{KEY}:"]
    (event,) = json.loads(words[-1])
    assert build_event(event, event_id="e", received_on=timezone.now()).event_type == "Signed Up"


def test_the_page_has_the_address_that_it_was_asked_under(admin_client: Client, source: Source) -> None:
    url = f"/admin/analytics_app/source/{source.pk}/snippets/"
    text = admin_client.get(url, headers={"host": "127.0.0.1:8123"}).content.decode()
    assert "http://127.0.0.1:8123/api/v1/events" in text
    assert source.write_key in text
    assert "Waiting for the first event" in text
    assert "Only this computer reaches" in text


def test_behind_a_proxy_with_tls_the_page_says_https(admin_client: Client, source: Source, settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["events.example.org"]
    url = f"/admin/analytics_app/source/{source.pk}/snippets/"
    headers = {"host": "events.example.org", "x-forwarded-proto": "https"}
    text = admin_client.get(url, headers=headers).content.decode()
    assert "https://events.example.org/v1/batch" in text
    assert "http://events" not in text
    assert "Only this computer" not in text
    assert "always uses HTTPS" not in text


def test_a_page_of_a_source_with_events_says_so(admin_client: Client, source: Source) -> None:
    RecentEvent.objects.create(source=source, seen_on=timezone.now(), code="accepted", event_type="Signed Up")
    text = admin_client.get(f"/admin/analytics_app/source/{source.pk}/snippets/").content.decode()
    assert "Last received: <strong>Signed Up</strong>" in text
    assert "Waiting for" not in text


def test_the_plain_page_sends_events_that_are_taken(chromium: Browser) -> None:
    """The snippet in a page of another site, in a real browser: three events, each without a preflight request."""
    sent: list[tuple[str, str, str]] = []

    def collect(route: Route) -> None:
        request = route.request
        sent.append((request.method, request.headers["content-type"], request.post_data or ""))
        route.fulfill(status=202, body="{}", headers={"Access-Control-Allow-Origin": "*"})

    context = chromium.new_context()
    context.route(f"{HOST}/**", collect)
    body = f"<!doctype html><title>Shop</title>{code('web-plain')}"
    context.route("https://shop.example.org/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page = context.new_page()
    page.goto("https://shop.example.org/a?utm_source=x")
    page.get_by_role("button", name="Sign up").click()
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert comes_true_in(page, lambda: len(sent) >= 3)
    context.close()
    bodies = [msgspec.json.decode(text) for _, _, text in sent[:3]]
    events = [build_event(body, event_id="none", received_on=timezone.now()) for body in bodies]
    assert [event.event_type for event in events] == ["PAGE_VIEW", "Signed Up", "PAGE_LEFT"]
    assert {(method, kind.split(";")[0]) for method, kind, _ in sent} == {("POST", "text/plain")}
    assert len({event.event_id for event in events}) == 3
    assert len({event.device_id for event in events}) == 1
    assert events[0].page_url == "https://shop.example.org/a?utm_source=x"
    assert events[1].properties == {"plan": "free"}
