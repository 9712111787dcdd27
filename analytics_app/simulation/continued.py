"""A simulation that goes on where it ended: what it has to remember, in a file."""

import logging
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

logger = logging.getLogger(__name__)

_DAY: Final = 86_400_000
# Everything since its start is made again to go on: after so long, other people go on instead.
_LONGEST: Final = timedelta(days=120) // timedelta(milliseconds=1)


class StateError(Exception):
    """The file cannot be written; the message is one line."""


class Continued(msgspec.Struct, frozen=True):
    """Times are milliseconds since 1970. Every event before `sent_until` was sent."""

    scenario: str
    seed: int
    start: int
    sent_until: int


def begin(scenario: str, seed: int | None, now: int, history: float) -> Continued:
    """A new one, whose people have been there for `history` days."""
    start = now - int(history * _DAY)
    return Continued(scenario, secrets.randbelow(2**32) if seed is None else seed, start, start)


def read(path: Path, scenario: str, now: int) -> Continued | None:
    """What the file remembers; None when there is nothing to go on with: no file, a damaged one, another scenario.

    The present may be before `sent_until` when the clock was set back.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Continued)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("%s is of no use, the simulation begins anew: %s", path, error)
        return None
    if found.scenario != scenario:
        return None
    if now - found.start > _LONGEST:
        return Continued(scenario, found.seed + 1, found.sent_until, found.sent_until)
    return found


def write(path: Path, state: Continued) -> None:
    """Replace the file in one step. Raises StateError."""
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(path)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}.") from None


class Keeper:
    """Writes how far a run is, every few seconds."""

    def __init__(self, path: Path, state: Continued, every: float) -> None:
        """`every`: seconds."""
        self._path = path
        self._state = state
        self._every = every
        self._written_at: float | None = None

    def keep(self, time: int | None, now: float) -> None:
        """All events before `time` were sent; `now` in seconds on a clock that does not jump. Raises StateError."""
        if self._written_at is None or now - self._written_at >= self._every:
            self._written_at = now
            self.end(time)

    def end(self, time: int | None) -> None:
        """As `keep`, and write it whenever it was written last."""
        if time is not None:
            self._state = msgspec.structs.replace(self._state, sent_until=time)
        write(self._path, self._state)
