"""What all tests share: the real broker, librdkafka's mock cluster, a fresh topic on either, and a browser."""

import os
import random
import sys
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event

import hypothesis
import pytest
from django.conf import settings as project_settings
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django import Settings

from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.local_kafka.errors import KafkaUnavailableError
from brokerlytics.local_kafka.mock import MockKafka
from brokerlytics.native.build import build
from brokerlytics.native.library import Library, library
from brokerlytics.ports import port_is_free
from brokerlytics.topics import TopicSpec, ensure_topic
from tests.waiting import PATIENCE
from torture.brokers import QUICK_GROUPS

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Kafka starts with half the CPU time when it is compiled for a short life.
JAVA_OPTIONS = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
# `make bootstrap` has fetched Kafka there already.
JARS = project_settings.BASE_DIR / "var" / "kafka" / "jars"
# No other node could stand in for the only one, if that were taken for dead on a machine that stood still.
_ALWAYS_THERE = {"broker.session.timeout.ms": "120000"}


def pytest_configure() -> None:
    """What `make bootstrap` compiles, for the feeders that the tests start as well; and how brokers are run.

    No example of Hypothesis has a time to keep to: on a busy machine any may take long.
    """
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")
    build(lambda line: sys.stderr.write(f"{line}\n"))
    os.environ.update(JAVA_OPTIONS)


@pytest.fixture(scope="session")
def native() -> Library:
    """The compiled library; without a C compiler the test is skipped, in CI it fails."""
    found = library()
    if found is None:
        if "CI" in os.environ:
            pytest.fail("the C sources are not compiled")
        pytest.skip("the C sources are not compiled")
    return found


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name for gzip, which has the time in it: all workers of a run have to name a test alike."""
    return f"{argname}-gzip" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that are quick come last: the end of a run does not wait for a long one alone."""
    quick = {"analytics", "contracts", "dashboard"}
    items.sort(key=lambda item: item.path.parent.name in quick and not item.get_closest_marker("long"))


def _own_ports() -> Iterator[int]:
    """The ports of this worker of the run alone, one after the other.

    They lie below the ports that the system gives to outgoing connections, so that no client takes one
    before the server that it is for.
    """
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    share = 22_000 // int(workers)
    first = 10_000 + share * int(worker.removeprefix("gw"))
    # Another run on this machine begins elsewhere.
    begin = random.SystemRandom().randrange(share)
    return (first + (begin + number) % share for number in count())


_PORTS = _own_ports()


def free_ports(wanted: int) -> int:
    """The first of `wanted` neighbouring ports on loopback that nobody listens on, and no other test is given."""
    while True:
        ports = [next(_PORTS) for _ in range(wanted)]
        if ports[-1] - ports[0] == wanted - 1 and all(port_is_free("127.0.0.1", port) for port in ports):
            return ports[0]


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a real Apache Kafka; without Java and Maven the test is skipped, in CI it fails."""
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"), free_ports(2), JARS, QUICK_GROUPS | _ALWAYS_THERE)
    try:
        broker.start()
    except KafkaUnavailableError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    try:
        broker.wait_ready(Event())
        yield broker.bootstrap_servers
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[str]:
    """The bootstrap servers of librdkafka's mock cluster in this process."""
    cluster = MockKafka()
    yield cluster.bootstrap_servers
    del cluster


@pytest.fixture(params=["mock", "real"])
def kafka(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The bootstrap servers of each of the two in turn, and KAFKA_BOOTSTRAP_SERVERS set to them."""
    servers: str = request.getfixturevalue(f"{request.param}_kafka")
    settings.KAFKA_BOOTSTRAP_SERVERS = servers
    return servers


@pytest.fixture
def topic(kafka: str, settings: Settings) -> str:  # noqa: ARG001 (the topic is made on it)
    """A fresh topic on `kafka`, and KAFKA_TOPIC set to it. The real broker's has 6 partitions, the mock's 4."""
    settings.KAFKA_TOPIC = f"events-{uuid.uuid4().hex[:12]}"
    return ensure_topic(TopicSpec(settings.KAFKA_TOPIC, 6, 7, 1)).name


@pytest.fixture
def product_env(tmp_path: Path, kafka: str, topic: str) -> dict[str, str]:
    """The environment for a command of the product in a process of its own: nothing of a developer's is in it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        "PATH": path,
        "HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path / "var"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_TOPIC": topic,
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without it the test is skipped, in CI it fails."""
    if not CHROMIUM.exists():
        if "CI" in os.environ:
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM to its path")
    # Playwright runs an event loop in this thread, where Django would refuse to use the database.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        patience = PATIENCE * 1000
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=patience
        )
        browser.on("context", lambda context: context.set_default_timeout(patience))
        expect.set_options(timeout=patience)
        yield browser
        browser.close()
