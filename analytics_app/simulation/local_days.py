"""The days of a timezone as small numbers, in the order in which they were first seen."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

# Every zone's offset is a multiple of this since 1972 (milliseconds).
_SLOT: Final = 15 * 60_000
_KEPT: Final = 50_000


class LocalDays:
    """`names` has the date of each number, such as 2026-08-22."""

    def __init__(self, timezone: str) -> None:
        self.names: list[str] = []
        self._zone = ZoneInfo(timezone)
        self._numbers: dict[str, int] = {}
        self._slots: dict[int, int] = {}

    def number(self, time: int) -> int:
        """The number of the local day of `time` (milliseconds since 1970)."""
        slot = time // _SLOT
        number = self._slots.get(slot)
        return self._look_up(slot) if number is None else number

    def _look_up(self, slot: int) -> int:
        name = datetime.fromtimestamp(slot * _SLOT / 1000, self._zone).date().isoformat()
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        if len(self._slots) >= _KEPT:
            self._slots.clear()
        self._slots[slot] = number
        return number
