"""The stream of all people's events in the order of time: made in this process, or by several and merged.

The order is that of the events themselves, so that the stream is the same however many processes make it.
"""

import marshal
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from analytics_app.simulation.crowd import Crowd, Share
from analytics_app.simulation.journeys import SimEvent
from analytics_app.simulation.scenario import Scenario

_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
_SECOND: Final = 1000
# About so many events are made at once.
_CHUNK: Final = 5000
_EVENTS_A_SESSION: Final = 8

Chunks = Iterator[list[SimEvent]]


class StreamError(Exception):
    """A process that makes events has died; the message is one line."""


class Plan(NamedTuple):
    """What depends on these alone: all events from `start` to before `end` (milliseconds since 1970; None: no end)."""

    scenario: Scenario
    seed: int
    start: int
    end: int | None = None

    def ends(self) -> Iterator[int]:
        """The ends of the windows of time in which the events are made, a chunk each."""
        people = self.scenario.people
        a_day = people.initial * people.sessions_per_week / 7 * _EVENTS_A_SESSION
        width = min(_HOUR, max(_SECOND, int(_DAY * _CHUNK / a_day)))
        time = self.start
        while self.end is None or time < self.end:
            time += width
            yield time if self.end is None else min(time, self.end)


@contextmanager
def open_stream(plan: Plan, processes: int) -> Iterator[Chunks]:
    """The events in chunks, made by so many processes beside this one, or by this one when there is one.

    Raises StreamError from the iterator.
    """
    if processes == 1:
        yield _serial(plan)
        return
    context = get_context("spawn")
    connections, workers = [], []
    for index in range(processes):
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(sender, plan, Share(index, processes)), daemon=True)
        worker.start()
        sender.close()
        connections.append(receiver)
        workers.append(worker)
    try:
        yield _merged(connections)
    finally:
        for connection in connections:
            connection.close()
        for worker in workers:
            worker.terminate()
            worker.join()


def since(chunks: Chunks, time: int) -> Chunks:
    """The events from `time` on."""
    for chunk in chunks:
        if chunk and chunk[-1][0] >= time:
            yield chunk if chunk[0][0] >= time else [event for event in chunk if event[0] >= time]


def _serial(plan: Plan) -> Chunks:
    crowd = Crowd(plan.scenario, plan.seed, plan.start)
    for end in plan.ends():
        yield crowd.until(end)
        if crowd.is_gone:
            return


def _merged(connections: list[Connection]) -> Chunks:
    while True:
        try:
            parts = [connection.recv_bytes() for connection in connections]
        except (EOFError, OSError):
            raise StreamError("A process that makes events has died; there may be too little memory.") from None
        chunk: list[SimEvent] = []
        over = True
        for part in parts:
            events, is_over = marshal.loads(part)  # noqa: S302 (from a process of ours)
            chunk += events
            over = over and is_over
        # Each part is sorted, so that this is a merge.
        chunk.sort()
        yield chunk
        if over:
            return


def _work(sender: Connection, plan: Plan, share: Share) -> None:
    """A process that makes the events of a share of the people."""
    # Ctrl-C reaches every process of the terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    crowd = Crowd(plan.scenario, plan.seed, plan.start, share)
    try:
        for end in plan.ends():
            sender.send_bytes(marshal.dumps((crowd.until(end), crowd.is_gone or end == plan.end)))
    except BrokenPipeError:
        # Nobody reads on.
        return
