"""The dashboard against the simulator's expected truth: every figure, on a real Kafka, with and without faults."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import free_ports
from tests.ops.commands import run, running

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)

FAULTS = ["--duplicates", "0.03", "--late", "0.03", "--out-of-order", "0.05", "--malformed", "0.02"]


@pytest.fixture
def product(product_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a product that runs, with another timezone than the scenarios'."""
    env = product_env | {"PORT": str(free_ports(1)), "SIMULATE": "0", "TIME_ZONE": "America/Sao_Paulo"}
    with running(["runall"], env) as everything:
        everything.wait_for("Brokerlytics is ready")
        yield env
        assert everything.stop() == 0


def simulate(env: dict[str, str], *arguments: str) -> str:
    done = run(["simulate", *arguments, "--verify"], env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Five runs of the simulator, each held against the dashboard; on a busy machine that takes minutes.
@pytest.mark.timeout(900)
def test_the_dashboard_shows_what_was_sent(product: dict[str, str]) -> None:
    runs: list[tuple[str, str, list[str]]] = [("shop", "api", []), ("saas", "kafka", FAULTS), ("game", "api", FAULTS)]
    for seed, (name, sink, faults) in enumerate(runs):
        source = f"{name}-{sink}"
        assert run(["createsource", source], product).returncode == 0
        people = ["--users", "80", "--new-users-per-day", "8", "--seed", str(seed)]
        time = ["--start", "2026-11-17T08:30:00Z", "--end", "2026-11-25T12:34:56Z"]
        text = simulate(product, "backfill", name, *people, *time, "--sink", sink, "--source", source, *faults)
        assert "Verified: the dashboard shows all" in text
        assert ("Faults: duplicates " in text) == bool(faults)
    # The same again, whatever makes it and carries it, is nothing new.
    text = simulate(
        product, "backfill", "game", *people, *time, "--source", source, "--concurrency", "2", "--batch", "77"
    )
    assert "Verified: the dashboard shows all" in text

    # What the store has on top is told, with both numbers.
    other = ["--users", "80", "--new-users-per-day", "8", "--seed", "99", *time]
    done = run(["simulate", "backfill", "shop", *other, "--sink", "kafka", "--source", "shop-api", "--verify"], product)
    assert done.returncode == 1
    assert "Not verified. " in done.stderr
    assert re.search(r"Events: \d+ expected, \d+ shown", done.stderr)
