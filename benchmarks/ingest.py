"""Over HTTP into Kafka, acknowledged: the web server beside mq-bridge and beside a bare producer loop."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.cluster import event, events_on, new_topic
from benchmarks.load import Load, LoadResult, run_load
from benchmarks.report import Benchmark, Row
from benchmarks.servers import peer_server, plain_django, shared_producer_settings, web_server
from benchmarks.traffic import Traffic, batches, sdk_batches, single_events
from brokerlytics.kafka import client_config

PRODUCER_EVENTS = 1_000_000
LOAD_SECONDS = 8.0
WARM_UP_SECONDS = 20.0
CONNECTIONS = 64
PEER = "mq-bridge"
TUNED = "mq-bridge, tuned"
LOOP = "bare producer loop"
# The best of 0, 5, 20 and 100: nobody waits for an answer here, and a little patience fills the loop's batches.
_LOOP_LINGER = 5


def measure(runs: int, directory: Path, *, sdk: bool = False) -> Benchmark:
    """Each candidate in turn, `runs` times; load generator, servers and broker share the machine."""
    topic = new_topic()
    peer = Row(PEER)
    tuned = Row(TUNED, targets={PEER: None})
    django = Row("plain Django view", targets={PEER: None, TUNED: None})
    single = Row("single events", targets={PEER: 0.8, TUNED: None})
    half = Row("single events at half load", p99_limit=50.0)
    batch = Row("batches of 100", targets={LOOP: 0.45})
    sdk_batch = Row("batches of 100, /v1/batch with gzip", targets={LOOP: None})
    loop = Row(LOOP)
    django_batch = Row("plain Django view, batches of 100", targets={LOOP: None})
    with (
        web_server(directory, topic) as web,
        plain_django(topic) as plain,
        peer_server(topic) as as_it_comes,
        peer_server(topic, tuned=True) as at_its_best,
    ):
        singles, hundreds, compressed = (make(web) for make in (single_events, batches, sdk_batches))
        # A broker that has just started is slow until its code is compiled, for small requests as for large ones.
        bare_loop(topic)
        post(singles, topic, seconds=WARM_UP_SECONDS)
        for _ in range(runs):
            peer.add(post(single_events(as_it_comes), topic))
            tuned.add(post(single_events(at_its_best), topic))
            django.add(post(single_events(plain), topic))
            result = post(singles, topic)
            single.add(result)
            half.add(post(singles, topic, result.rate / 2))
            batch.add(post(hundreds, topic), hundreds.events)
            django_batch.add(post(batches(plain), topic), hundreds.events)
            if sdk:
                sdk_batch.add(post(compressed, topic), compressed.events)
            loop.add(bare_loop(topic))
    rows = [peer, tuned, django, single, half, batch, *([sdk_batch] if sdk else []), django_batch, loop]
    return Benchmark(f"Events acknowledged by Kafka, over HTTP on {CONNECTIONS} connections", rows)


def post(traffic: Traffic, topic: str, rate: float | None = None, *, seconds: float = LOAD_SECONDS) -> LoadResult:
    """Raises RuntimeError when a request failed, or when the topic has other than what was accepted."""
    before, cpu = events_on(topic), traffic.server.cpu_seconds()
    result = load(Load(traffic.server.port, traffic.requests, traffic.expected, CONNECTIONS, seconds, rate=rate))
    result.cpu_seconds = traffic.server.cpu_seconds() - cpu
    if result.failures:
        raise RuntimeError(f"Requests were not answered with {traffic.expected}: {dict(result.failures)}")
    added = events_on(topic) - before
    if added != result.total * traffic.events:
        raise RuntimeError(f"{result.total * traffic.events} events were accepted and {added} are on the topic")
    return result


def load(what: Load) -> LoadResult:
    """In a process of its own, which has nothing else to do."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run_load, what).result()


def bare_loop(topic: str) -> LoadResult:
    """Nothing but produce() and counting the acknowledgements: what one Python process can do."""
    producer = Producer(client_config() | shared_producer_settings() | {"linger.ms": _LOOP_LINGER})
    events = [(f"device-{number}", event(number)) for number in range(5000)]
    acknowledged = 0

    def count(error: KafkaError | None, _: Message) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(PRODUCER_EVENTS // len(events)):
        for key, value in events:
            while True:
                try:
                    producer.produce(topic, value, key, on_delivery=count)
                    break
                except BufferError:
                    producer.poll(0.01)
    producer.flush()
    seconds = time.perf_counter() - started
    if acknowledged != PRODUCER_EVENTS:
        raise RuntimeError(f"{PRODUCER_EVENTS} events were produced and {acknowledged} acknowledged")
    cpu = time.process_time() - cpu
    return LoadResult(seconds, acknowledged, acknowledged, cpu)
