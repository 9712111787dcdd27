"""The web server as it runs: the collector answers as Django would, and neither harms the other."""

import gzip
import json
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from analytics_app.models import Source
from analytics_app.producer import shared_producer
from analytics_app.sources import source_cache
from tests.analytics.sending import GOOD
from tests.conftest import free_ports
from tests.e2e.serving import Server, serving
from tests.ops.commands import run
from tests.waiting import PATIENCE, lives, wait_until

SHOP = "https://shop.example"
EVENT = json.dumps(GOOD["segment"]).encode()


@pytest.fixture(scope="module")
def stalled(server: Server) -> Iterator[tuple[float, socket.socket]]:
    """A request whose body does not come, and when it was sent: the other tests run meanwhile."""
    with server.connect() as connection:
        connection.sendall(head(server, 10))
        yield time.monotonic(), connection


@pytest.fixture
def twin(db: None, server: Server, settings: Settings) -> Iterator[None]:  # noqa: ARG001 (the source is in it)
    """Django in this process, with the same source and the same topic."""
    # The server's own is the first of its database; this process may have had others before.
    Source.objects.create(pk=1, name="default", write_key=server.write_key)
    settings.KAFKA_BOOTSTRAP_SERVERS = server.env["KAFKA_BOOTSTRAP_SERVERS"]
    settings.KAFKA_TOPIC = server.env["KAFKA_TOPIC"]
    source_cache.forget()
    yield
    shared_producer.close()


def head(server: Server, length: int, *more: str) -> bytes:
    lines = ["POST /v1/track HTTP/1.1", "Host: localhost", f"X-Write-Key: {server.write_key}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", *more, "", ""]).encode()


def bad(**more: Any) -> dict[str, Any]:
    return {"event_type": "A", "device_id": "d", **more}


# Method, path, headers beside the key, body.
REQUESTS: list[tuple[str, str, dict[str, str], Any]] = [
    ("POST", "/api/v1/events", {}, GOOD["native"]),
    ("POST", "/api/v1/events/", {}, [GOOD["native"], 5, bad(revenue="x", event_id="e-1"), bad(created_on="never")]),
    ("POST", "/api/v1/events", {}, [5]),
    ("POST", "/v1/track", {"Origin": SHOP}, GOOD["segment"]),
    ("POST", "/v1/batch", {"Content-Type": "text/plain"}, gzip.compress(b'{"batch":[%s,{}]}' % EVENT)),
    ("POST", "/v1/b/", {"Content-Type": "application/x-www-form-urlencoded"}, gzip.compress(EVENT)),
    ("POST", "/beacon/v1/batch", {"X-Write-Key": "wk_no", "Origin": SHOP}, {"batch": []}),
    ("POST", "/batch/", {}, {"batch": [GOOD["posthog"]] * 3}),
    ("POST", "/e", {"Content-Encoding": "gzip"}, GOOD["posthog"]),
    ("POST", "/i/v0/e/", {}, b"data=eyJ9"),
    ("POST", "/capture/", {"X-Write-Key": ""}, GOOD["posthog"]),
    ("POST", "/v1/page", {}, b'{"a":1,\n oops'),
    ("POST", "/v1/page", {}, b""),
    ("POST", "/v1/batch", {}, {"batch": [1] * 2501}),
    ("POST", "/v1/batch", {}, gzip.compress(bytes(5_000_000))),
    ("POST", "/v1/batch", {}, bytes(1024 * 1024 + 1)),
    ("GET", "/pixel/v1/track?event=A&userId=u", {}, b""),
    ("GET", "/pixel/v1/page/?" + "a=1&" * 1001, {}, b""),
    ("OPTIONS", "/v1/batch", {"Origin": SHOP, "Access-Control-Request-Method": "POST"}, b""),
    ("OPTIONS", "/api/v1/events", {"Origin": SHOP, "Access-Control-Request-Method": "POST"}, b""),
    ("PUT", "/v1/batch", {}, b""),
    ("GET", "/sourceConfig/", {"Origin": SHOP}, b""),
]
# Django adds some of its own, such as for security, to what is the protocol's.
OF_BODIES = ["content-type", "content-length", "cache-control"]
CORS = ["allow-origin", "allow-methods", "allow-headers", "expose-headers", "max-age"]
HEADERS = ["retry-after", "www-authenticate", *(f"access-control-{name}" for name in CORS)]


@pytest.mark.usefixtures("twin", "stalled")
@pytest.mark.parametrize(("method", "path", "headers", "body"), REQUESTS)
def test_one_behaviour(server: Server, method: str, path: str, headers: dict[str, str], body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"X-Write-Key": server.write_key, "Content-Type": "application/json", **headers}
    answer = httpx.request(method, server.url + path, headers=sent, content=content, timeout=PATIENCE)
    content_type = sent.pop("Content-Type")
    expected = Client().generic(method, path, content, content_type=content_type, headers=sent)
    assert answer.status_code == expected.status_code
    names = HEADERS
    if len(content) > 1024 * 1024:
        # Of a body that is too large the one knows the length, the other did not read it to its end.
        assert answer.json()["code"] == expected.json()["code"]
    else:
        assert answer.content == expected.content
        names = HEADERS + OF_BODIES if answer.content else HEADERS
    assert {name: answer.headers.get(name) for name in names} == {name: expected.get(name) for name in names}


def test_chunks_and_keep_alive(server: Server) -> None:
    with server.connect() as connection, connection.makefile("rb") as answers:
        for _ in range(3):
            connection.sendall(head(server, len(EVENT)) + EVENT)
            assert read_answer(answers)[0] == 200
        chunked = head(server, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        connection.sendall(chunked + b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (9, EVENT[:9], len(EVENT) - 9, EVENT[9:]))
        status, _, body = read_answer(answers)
        assert (status, json.loads(body)["accepted"]) == (200, 1)


def read_answer(stream: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    status = int(stream.readline().split()[1])
    headers = []
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(": ")
        headers.append((name.lower(), value))
    return status, headers, stream.read(int(dict(headers).get("content-length", 0)))


def test_a_chunked_body_that_does_not_end_is_413(server: Server) -> None:
    with server.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(head(server, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        try:
            for _ in range(1000):
                connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        except OSError:
            # The server has answered and reads no further.
            pass
        else:
            status, _, body = read_answer(answers)
            assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert lives(server.url)


def test_clients_that_leave_in_the_middle_of_a_body_hold_no_place(server: Server) -> None:
    for _ in range(1200):
        with server.connect() as connection:
            connection.sendall(head(server, 1000) + b"{")
    url = f"{server.url}/v1/track?writeKey={server.write_key}"
    wait_until(lambda: {httpx.post(url, content=EVENT, timeout=PATIENCE).status_code for _ in range(8)} == {200})


def test_django_through_the_bridge(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        assert client.head("/livez").content == b""
        assert client.get("/livez").text == "ok\n"
        missing = client.get("/no-such-page")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert client.get("/api/no-such-path").json()["code"] == "not_found"
        page = client.get("/login/")
        style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
        assert style
        found = client.get(style[1])
        assert (found.status_code, found.headers["content-type"]) == (200, 'text/css; charset="utf-8"')
        assert "immutable" in found.headers["cache-control"]


def test_signing_in_sets_two_cookies(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/login/").text)
        assert token
        form = {"username": "admin", "password": server.password, "next": "/admin/"}
        assert client.post("/login/", data=form).status_code == 403
        signed_in = client.post("/login/", data=form | {"csrfmiddlewaretoken": token[1]})
        assert (signed_in.status_code, signed_in.headers["location"]) == (302, "/admin/")
        assert [value.partition("=")[0] for value in signed_in.headers.get_list("set-cookie")] == [
            "csrftoken",
            "sessionid",
        ]
        assert client.get("/admin/").status_code == 200


def test_the_form_goes_through_django_to_the_same_topic(server: Server) -> None:
    form = {"event_type": (None, "A"), "device_id": (None, "d"), "write_key": (None, server.write_key)}
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: httpx.post(f"{server.url}/api/v1/events", files=form, timeout=PATIENCE), range(16))
        )
    assert [answer.status_code for answer in answers] == [202] * 16


@pytest.mark.usefixtures("twin")
def test_a_key_that_is_rotated_is_refused_by_every_worker(server: Server) -> None:
    key = run(["createsource", "rotated"], server.env).stdout.strip()
    url = f"{server.url}/v1/track"

    def statuses(key: str) -> set[int]:
        return {
            httpx.post(url, content=EVENT, headers={"X-Write-Key": key}, timeout=PATIENCE).status_code
            for _ in range(20)
        }

    time.sleep(0.2)
    assert statuses(key) == {200}
    code = (
        "from analytics_app.models import Source; from django.utils import timezone;"
        "source = Source.objects.get(name='rotated'); source.rotate(timezone.now()); print(source.write_key)"
    )
    new = run(["shell", "--no-imports", "-c", code], server.env).stdout.strip()
    time.sleep(0.2)
    assert statuses(key) == {401}
    assert statuses(new) == {200}


def test_a_body_that_does_not_come_is_408(stalled: tuple[float, socket.socket]) -> None:
    sent_on, connection = stalled
    with connection.makefile("rb") as answers:
        status, _, body = read_answer(answers)
    assert (status, json.loads(body)["code"]) == (408, "body_too_slow")
    assert time.monotonic() - sent_on > 14


@pytest.fixture
def lonely(server: Server) -> dict[str, str]:
    """The environment of a server whose broker is away; database and sources are those of `server`."""
    return server.env | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_ports(1)}", "PRODUCE_TIMEOUT": "10"}


def test_a_broker_that_is_away_is_told_quickly_to_many(server: Server, lonely: dict[str, str]) -> None:
    with serving(lonely, server.write_key) as away, httpx.Client(timeout=PATIENCE) as client:

        def send(_: int) -> tuple[httpx.Response, float]:
            started = time.monotonic()
            answer = client.post(f"{away.url}/v1/track", content=EVENT, headers={"X-Write-Key": away.write_key})
            return answer, time.monotonic() - started

        with ThreadPoolExecutor(80) as threads:
            first = list(threads.map(send, range(80)))
            # They wait side by side; one after the other they would for minutes.
            assert max(seconds for _, seconds in first) < 60
            waiting = [threads.submit(send, number) for number in range(300)]
            alive = time.monotonic()
            assert httpx.get(f"{away.url}/livez", timeout=PATIENCE).status_code == 200
            assert time.monotonic() - alive < 7
            later = [future.result() for future in waiting]
        for answer, _ in first + later:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["code"] == "broker_unavailable"
        # One at a time in each worker asks the broker; the others are told at once.
        assert sum(seconds > 7 for _, seconds in later) < 20
        assert away.command.stop() == 0


def unread_bytes(port: int) -> int:
    """What clients have sent to this port and the server has not read yet, by Linux's table of connections."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    found = [line.split() for line in lines]
    return sum(int(one[4].partition(":")[2], 16) for one in found if one[1].endswith(f":{port:04X}") and one[3] == "01")


def test_a_server_that_is_stopped_answers_what_is_under_way(server: Server, lonely: dict[str, str]) -> None:
    """Nobody acknowledges their events, so that they wait; forms wait in threads of Django's."""
    form = (
        b'--b\r\nContent-Disposition: form-data; name="event_type"\r\n\r\nA\r\n--b\r\n'
        b'Content-Disposition: form-data; name="device_id"\r\n\r\nd\r\n--b--\r\n'
    )
    with serving(lonely, server.write_key) as stopping, ExitStack() as stack:
        waiting = [stack.enter_context(stopping.connect()) for _ in range(24)]
        for number, connection in enumerate(waiting):
            if number < 20:
                connection.sendall(head(stopping, len(EVENT)) + EVENT)
            else:
                multipart = "Content-Type: multipart/form-data; boundary=b"
                connection.sendall(head(stopping, len(form), multipart).replace(b"/v1/track", b"/api/v1/events") + form)
        wait_until(lambda: unread_bytes(stopping.port) == 0)
        # From the socket on it goes through threads.
        time.sleep(1)
        assert select.select(waiting, [], [], 0)[0] == []
        stopping.command.process.send_signal(signal.SIGTERM)
        statuses = [read_answer(stack.enter_context(connection.makefile("rb")))[0] for connection in waiting]
        assert statuses == [503] * 24
        assert stopping.command.process.wait(PATIENCE) == 0
