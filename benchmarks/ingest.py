"""Over HTTP into Kafka, acknowledged: the web server beside a bare producer loop."""

import io
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from confluent_kafka import Producer
from django.conf import settings
from django.core.management import call_command

from benchmarks.cluster import event, new_topic
from benchmarks.load import Load, run_load
from benchmarks.report import Benchmark, Row
from brokerlytics.kafka import client_config
from brokerlytics.web import base_url, web_command

PRODUCER_EVENTS = 200_000
LOAD_SECONDS = 8.0
CONNECTIONS = 64


def measure(runs: int, directory: Path) -> Benchmark:
    """Load generator, web server and broker share the machine."""
    topic = new_topic()
    settings.PORT = 29_800
    rates: dict[str, list[float]] = {"single events": [], "batches of 100": [], "bare producer loop": []}
    with web_server(directory, topic) as write_key:
        for _ in range(runs):
            rates["single events"].append(post(write_key, 1))
            rates["batches of 100"].append(post(write_key, 100))
            rates["bare producer loop"].append(bare_loop(topic))
    rows = [Row(name, values) for name, values in rates.items()]
    return Benchmark("Events accepted over HTTP, acknowledged by Kafka, 64 connections", rows, "bare producer loop")


@contextmanager
def web_server(directory: Path, topic: str) -> Iterator[str]:
    """Serves while the benchmark runs; gives the write key of a source."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    output = io.StringIO()
    call_command("createsource", "bench", stdout=output)
    env = {
        **os.environ,
        "DATA_DIR": str(directory),
        "KAFKA_BOOTSTRAP_SERVERS": settings.KAFKA_BOOTSTRAP_SERVERS,
        "KAFKA_TOPIC": topic,
        "PORT": str(settings.PORT),
    }
    server = subprocess.Popen(web_command(), env=env)
    try:
        wait_for_server()
        yield output.getvalue().strip()
    finally:
        server.terminate()
        server.wait(60)


def wait_for_server() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{base_url()}/livez")
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("The web server did not answer in 60 s.")


def post(write_key: str, batch: int) -> float:
    """Accepted events per second, counted from the answers."""
    events = [json.loads(event(number)) for number in range(batch)]
    for item in events:
        del item["event_id"]
    load = Load(
        host="127.0.0.1",
        port=settings.PORT,
        path="/api/v1/events",
        headers={"Authorization": f"Bearer {write_key}", "Content-Type": "application/json"},
        body=json.dumps(events if batch > 1 else events[0]).encode(),
        connections=CONNECTIONS,
        seconds=LOAD_SECONDS,
    )
    result = run_load(load)
    if result.failures:
        raise RuntimeError(f"{result.failures} requests were not answered with 202")
    return result.answers * batch / result.seconds


def bare_loop(topic: str) -> float:
    """Nothing but produce() and flush(): what a Python process can put on the topic."""
    producer = Producer(client_config(enable_idempotence=True, linger_ms=5))
    value = event(1)
    started = time.perf_counter()
    for number in range(PRODUCER_EVENTS):
        while True:
            try:
                producer.produce(topic, value, key=f"device-{number % 5000}")
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    return PRODUCER_EVENTS / (time.perf_counter() - started)
