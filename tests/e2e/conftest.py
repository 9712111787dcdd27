"""A web server for all tests that only send requests to one."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.e2e.serving import Server, bootstrapped, environment, serving


@pytest.fixture(scope="session")
def server(real_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running web server on a real Kafka. It must stop cleanly, without a traceback in its log."""
    env = environment(tmp_path_factory.mktemp("web"), real_kafka, f"events-{uuid4().hex[:12]}")
    key, password = bootstrapped(env)
    with serving(env, key, password) as running:
        yield running
        assert running.command.stop() == 0
    assert "Traceback" not in running.command.output
