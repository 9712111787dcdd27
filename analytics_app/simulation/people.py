"""Who the simulated people are; the same seed makes the same ones, whoever asks and in which order."""

from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.seeding import Purpose, seed_for

# Activity differs between people by about this much (sigma of a log-normal).
_SPREAD: Final = 0.8


class Look(NamedTuple):
    """Places in the scenario's devices, places and versions."""

    device: int
    place: int
    version: int


class Person(NamedTuple):
    """`sessions_per_day` is the person's own; `second` is the look of the second device, if there is one."""

    number: int
    sessions_per_day: float
    has_session_ids: bool
    known: bool
    first: Look
    second: Look | None


class People:
    """Makes the people of `scenario`."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._key = seed.to_bytes(8, "big")
        self._rng = Random()  # noqa: S311 (made-up people, no secrets)
        self._devices = list(accumulate(device.share for device in scenario.devices))
        self._places = list(accumulate(place.share for place in scenario.places))
        self._versions = list(accumulate(scenario.versions.shares))

    def person(self, number: int) -> Person:
        """The person `number`, from 0."""
        rng, people, sessions = self._rng, self._scenario.people, self._scenario.sessions
        rng.seed(seed_for(self._seed, Purpose.PERSON, number))
        place = rng.choices(range(len(self._places)), cum_weights=self._places)[0]
        first = self._look(place)
        second = self._look(place) if rng.random() < people.second_device else None
        return Person(
            number=number,
            sessions_per_day=people.sessions_per_week / 7 * rng.lognormvariate(-(_SPREAD**2) / 2, _SPREAD),
            # The rows of two devices without session ids would run into one session.
            has_session_ids=second is not None or rng.random() >= sessions.without_id,
            known=number < people.initial and rng.random() < people.known,
            first=first,
            second=second,
        )

    def device_id(self, number: int, second: bool) -> bytes:
        """In the form of a UUID."""
        digits = blake2b(b"%d.%d" % (number, second), digest_size=16, key=self._key).hexdigest()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()

    def user_id(self, number: int) -> bytes:
        return b"user-" + blake2b(b"%d" % number, digest_size=6, key=self._key).hexdigest().encode()

    def _look(self, place: int) -> Look:
        device = self._rng.choices(range(len(self._devices)), cum_weights=self._devices)[0]
        version = self._rng.choices(range(len(self._versions)), cum_weights=self._versions)[0]
        return Look(device, place, version)
