"""Buckets of time in SQL. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from dashboard_app.question.buckets import Bucket

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Run:
    """Neighbouring buckets of one width, from `start` to `end`; `first` is the number of the first."""

    first: int
    start: datetime
    end: datetime
    width: timedelta


def bucket_sql(buckets: Iterable[Bucket], time: str = "created_on") -> str:
    """The number of the bucket that the TIMESTAMP `time` lies in, counted from 0; for rows within the buckets.

    Arithmetic on whole runs of equal buckets, so that it costs a row next to nothing: a range has a run more for every
    change of the clocks, and one for each month.
    """
    *earlier, last = _runs(buckets)
    cases = "".join(f"WHEN epoch_us({time}) < {microseconds(run.end)} THEN {_number(run, time)} " for run in earlier)
    return f"CASE {cases}ELSE {_number(last, time)} END" if cases else f"({_number(last, time)})"


def _runs(buckets: Iterable[Bucket]) -> list[_Run]:
    runs: list[_Run] = []
    for number, bucket in enumerate(buckets):
        width = bucket.end - bucket.start
        if runs and runs[-1].width == width and runs[-1].end == bucket.start:
            runs[-1].end = bucket.end
        elif width:
            runs.append(_Run(number, bucket.start, bucket.end, width))
    return runs


def _number(run: _Run, time: str) -> str:
    offset = f"(epoch_us({time}) - {microseconds(run.start)}) // {run.width // _MICROSECOND}"
    return f"{offset} + {run.first}" if run.first else offset


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND
