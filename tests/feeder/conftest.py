"""What the tests of faults share: feeders on a fresh topic of a real broker, and a load on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from torture.feeders import Feeders
from torture.load import Load

SEED = 20260822


@pytest.fixture
def load(kafka: str, topic: str) -> Load:
    return Load(kafka, topic, SEED)


@pytest.fixture
def feeders(product_env: dict[str, str], tmp_path: Path) -> Iterator[Feeders]:
    with Feeders(product_env, tmp_path, SLOW_DISK="1") as running:
        yield running
