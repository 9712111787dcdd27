import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from pytest_django import Settings

from benchmarks.cluster import event
from benchmarks.dashboard import ASKED
from benchmarks.feeder import LineCounter, Pace, check_complete
from benchmarks.load import Load, LoadResult, run_load
from benchmarks.report import Benchmark, Row
from benchmarks.servers import peer_server
from benchmarks.soak import Soak
from brokerlytics.event_codec import decode_event, encode_event
from dashboard_app.registry import report_named

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nbody"
Answer = Callable[[int], bytes | None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Answers the requests of all connections with `answer(number)` in turn; None closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    lock = threading.Lock()
    served = 0

    def serve(connection: socket.socket) -> None:
        nonlocal served
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(ConnectionError):
            while connection.recv(65_536):
                with lock:
                    number, served = served, served + 1
                reply = answer(number)
                if reply is None:
                    return
                # In two parts, as a network may deliver it.
                connection.sendall(reply[:30])
                connection.sendall(reply[30:])

    def listen() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def run(answer: Answer, *, rate: float | None = None, connections: int = 4) -> LoadResult:
    with server(answer) as port:
        return run_load(Load(port, [REQUEST], 202, connections, seconds=0.5, warm_up=0.1, rate=rate))


def test_a_load_counts_the_answers_that_it_expects_and_names_the_others() -> None:
    result = run(lambda number: ACCEPTED if number % 10 else ACCEPTED.replace(b"202", b"503"))

    assert set(result.failures) == {"503"}
    assert result.total > result.answers > 0
    assert result.total == pytest.approx(result.failures["503"] * 9, abs=10)


def test_a_connection_that_the_server_closes_is_a_failure_and_is_replaced() -> None:
    result = run(lambda number: None if number % 10 == 0 else ACCEPTED)

    assert result.failures["connection closed"] > 1
    assert result.total == pytest.approx(result.failures["connection closed"] * 9, abs=10)


def test_a_limited_load_sends_at_its_rate() -> None:
    result = run(lambda _: ACCEPTED, rate=200)

    # Not more; less only where the machine stands still. Without a limit it would be some thousands.
    assert 20 < result.rate < 220


def test_a_latency_counts_from_when_the_request_was_due() -> None:
    def slow(_: int) -> bytes:
        time.sleep(0.02)
        return ACCEPTED

    result = run(slow, rate=100, connections=1)

    # One connection carries 50 requests per second: each of the 100 waits longer than the one before it.
    assert result.milliseconds(99) > 150
    assert result.milliseconds(99) > result.milliseconds(50) > 20


def test_an_answer_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        run(lambda _: b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def test_a_ratio_is_the_median_of_the_ratios_of_each_run() -> None:
    peer, ours = (
        Row("peer", [100.0, 50.0, 200.0]),
        Row("ours", [80.0, 45.0, 100.0], targets={"peer": 0.5, "missing": 2.0}),
    )

    benchmark = Benchmark("", [peer, ours, Row("missing", note="not installed")])
    assert benchmark.ratios(ours) == {"peer": 0.8}
    assert benchmark.ratios(peer) == {}


def test_rows_of_the_first_look_are_not_in_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 11.0, 12.0, 14.0, 19.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    pace = Pace()
    for rows in (0, 1000, 1500, 3000, 3000):
        pace.see(rows)
    assert pace.rate == (3000 - 1000) / (14.0 - 11.0)


def test_a_pace_of_one_look_is_refused() -> None:
    pace = Pace()
    pace.see(1000)
    with pytest.raises(RuntimeError, match="use more --events"):
        _ = pace.rate


def test_complete_lines_of_a_growing_file_are_counted_once(tmp_path: Path) -> None:
    counter = LineCounter(tmp_path / "rows")
    assert counter.count() == 0
    for text, lines in (("a\nb", 1), ("c\n", 2), ("", 2), ("\n\n", 4)):
        with (tmp_path / "rows").open("a") as file:
            file.write(text)
        assert counter.count() == lines


@pytest.mark.parametrize("number", [0, 1, 61_001, 5_999_999, 12_345_678])
def test_events_are_as_the_collector_writes_them(number: int) -> None:
    made = decode_event(event(number), event_id="", received_on=datetime.now(UTC))
    assert encode_event(made) == event(number)
    assert (made.device_id, made.properties["product"]) == (f"device-{number % 5000}", number % 97)
    assert made.created_on.timestamp() % 3600 * 1000 == pytest.approx(number % 3_600_000, abs=0.01)


def test_a_candidate_that_wrote_an_event_twice_and_another_never_fails(tmp_path: Path) -> None:
    ids = [json.loads(event(number))["event_id"] for number in range(3)]
    (tmp_path / "rows").write_text("\n".join(ids))
    check_complete([tmp_path / "rows"], 3)
    (tmp_path / "rows").write_text("\n".join([ids[0], ids[0], ids[2]]))
    with pytest.raises(RuntimeError, match="2 of 3 events are in"):
        check_complete([tmp_path / "rows"], 3)


def test_the_slope_of_a_soak_leaves_its_first_minute_out() -> None:
    samples = [(0.0, 10.0), (30.0, 90.0), (60.0, 100.0), (120.0, 102.0), (180.0, 104.0)]

    assert Soak(600, 1.0, 1.0, 1.0, {}, samples).slope() == pytest.approx(2.0)


def test_the_peer_answers_when_the_broker_has_the_event(mock_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = mock_kafka
    topic = f"peer-{time.time_ns()}"

    with peer_server(topic) as peer:
        assert httpx.post(f"http://127.0.0.1:{peer.port}/", json={}).status_code == 202

    consumer = Consumer({"bootstrap.servers": mock_kafka, "group.id": "test"})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, partition))[1] for partition in partitions]
    consumer.close()
    assert sum(ends) == 1


def test_the_peer_does_not_answer_before(settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:9"

    with peer_server("events") as peer, pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://127.0.0.1:{peer.port}/", json={}, timeout=2)


@pytest.mark.parametrize(("page", "asked"), ASKED.values())
def test_a_page_is_asked_with_parameters_that_it_reads(page: str, asked: dict[str, list[str]]) -> None:
    assert asked.keys() <= {parameter.name for parameter in report_named(page).parameters}
