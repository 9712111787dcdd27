"""What is done to the feeders, in which order: the same for the same seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# How often each comes: kills most of all.
WEIGHTS: Final[Mapping[str, int]] = {
    "kill -9": 30,
    "kill -9 at a step": 5,
    "frozen and woken": 4,
    "come and go": 3,
    "rival group": 2,
    "write errors": 1,
    "fsync errors": 1,
    "torn checkpoint slots": 2,
    "disk full": 1,
    "broker killed": 1,
    "clock jumps": 2,
    "other protocol": 2,
}
# Each control with the faults that it cannot survive.
CONTROLS: Final[Mapping[str, Mapping[str, int]]] = {
    "no-truncation": {"kill -9": 1, "kill -9 at a step": 3},
    "no-memory": {"kill -9": 1},
    "no-lock": {"frozen and woken": 1, "rival group": 1},
    "trust-kafka": {"kill -9": 1},
    "retry-fsync": {"fsync errors": 1},
    "one-slot": {"torn checkpoint slots": 1},
}


@dataclass(frozen=True, slots=True)
class Step:
    """One fault, and the seed of the chances in it."""

    fault: str
    seed: int


def plan(seed: int, weights: Mapping[str, int]) -> Iterator[Step]:
    """The steps for ever. Each fault comes once before any comes by chance, so that a short run has them all."""
    chance = random.Random(seed)
    names = list(weights)
    for fault in chance.sample(names, len(names)):
        yield Step(fault, chance.getrandbits(32))
    while True:
        (fault,) = chance.choices(names, list(weights.values()))
        yield Step(fault, chance.getrandbits(32))
