"""When people are active: the day and week curve of a scenario, as a clock that runs faster when more happens.

On this clock of activity people come evenly, so that a gap drawn on it falls into the busy hours more often. It counts
days: over an ordinary week it runs as far as any other clock.
"""

from bisect import bisect_right
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from analytics_app.simulation.scenario import Rhythm

_HOUR: Final = 3_600_000
_HOURS_AT_ONCE: Final = 24 * 28


class Activity:
    """Times are milliseconds since 1970, from `start` on."""

    def __init__(self, rhythm: Rhythm, start: int) -> None:
        self._zone = ZoneInfo(rhythm.timezone)
        self._start = start // _HOUR * _HOUR
        mean = sum(rhythm.hours) / 24 * sum(rhythm.weekdays) / 7
        # By day of the week and hour, the activity of one hour in days.
        self._weights = [[hour * day / mean / 24 for hour in rhythm.hours] for day in rhythm.weekdays]
        for burst in rhythm.bursts:
            for hour in range(burst.hour, burst.hour + burst.hours):
                day = (burst.weekday + hour // 24) % 7
                self._weights[day][hour % 24] *= burst.factor
        # The reading of the clock at the start of each hour.
        self._readings = [0.0]

    def at(self, time: int) -> float:
        """The reading of the clock at `time`."""
        hour, rest = divmod(time - self._start, _HOUR)
        while hour + 1 >= len(self._readings):
            self._extend()
        before = self._readings[hour]
        return before + (self._readings[hour + 1] - before) * rest / _HOUR

    def when(self, reading: float) -> int:
        """The time at which the clock has `reading`."""
        while reading >= self._readings[-1]:
            self._extend()
        hour = bisect_right(self._readings, reading) - 1
        before = self._readings[hour]
        part = (reading - before) / (self._readings[hour + 1] - before)
        return self._start + int((hour + part) * _HOUR)

    def _extend(self) -> None:
        first = len(self._readings) - 1
        for hour in range(first, first + _HOURS_AT_ONCE):
            local = datetime.fromtimestamp((self._start + hour * _HOUR) / 1000, self._zone)
            self._readings.append(self._readings[-1] + self._weights[local.weekday()][local.hour])
