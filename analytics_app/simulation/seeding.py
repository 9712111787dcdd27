"""Seeds of the random generators: each is used for one purpose of one person, and no two are the same."""

from enum import IntEnum
from typing import Final

# All seeds have as many words: of two that differ in length Python's generator may make the same numbers.
_TOP: Final = 1 << 191


class Purpose(IntEnum):
    """What a generator is for."""

    PERSON = 0
    SESSION = 1
    COMING = 2
    FAULTS = 3


def seed_for(seed: int, purpose: Purpose, person: int = 0, session: int = 0) -> int:
    """The seed of a generator in the run of `seed`."""
    return _TOP | seed << 98 | person << 34 | session << 2 | purpose
