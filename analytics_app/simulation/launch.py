"""Runs what the arguments of `simulate` ask for: once, or what happened before first and then what happens now."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from os import cpu_count
from pathlib import Path
from typing import Any, Final, NamedTuple

from analytics_app.simulation import continued
from analytics_app.simulation.continued import Continued, Keeper
from analytics_app.simulation.display import Display
from analytics_app.simulation.opening import open_history_sink, open_sink
from analytics_app.simulation.options import RunOptions, open_simulation
from analytics_app.simulation.runner import Simulation, run
from analytics_app.simulation.sending import Sink
from analytics_app.simulation.summary import Summary, summarize
from brokerlytics.timestamps import format_timestamp, from_milliseconds

_KEEP_SECONDS: Final = 5.0
# A shorter gap (milliseconds) is not worth two runs: the live one fills it.
_SHORT_GAP: Final = 3_600_000
_HISTORY_BATCH: Final = 10_000


class Launch(NamedTuple):
    """How runs show themselves: `say` takes lines for people, `display` makes what shows the progress."""

    say: Callable[[str], None]
    display: Callable[[], Display]
    stop: threading.Event

    def run(self, options: RunOptions, sink: Sink, keeper: Keeper | None = None) -> Summary:
        """However it ends, the summary is said. Raises SinkError, StateError, StreamError."""
        self.say(_opening(options))
        with open_simulation(options, sink) as simulation:
            try:
                with self.display() as display:
                    run(simulation, self.stop, lambda of: _observe(of, display, keeper))
            finally:
                if keeper is not None and not simulation.unsent:
                    keeper.end(simulation.feed.time)
                sink.close()
                summary = summarize(options, simulation)
                self.say("\n".join(summary.lines()))
        return summary

    def run_on(self, options: RunOptions, arguments: dict[str, Any]) -> Summary:
        """What happened before the present goes straight to Kafka; then it goes on live.

        Raises SinkError, StateError, StreamError.
        """
        now, started = options.start, time.monotonic()
        path = Path(arguments["continue"]) if arguments["continue"] else None
        state = _state(path, arguments, options, now)
        keeper = Keeper(path, state, _KEEP_SECONDS) if path else None
        begin = state.sent_until
        live = replace(options, seed=state.seed, start=state.start, resume=begin, present=now, present_at=started)
        if now - begin > _SHORT_GAP:
            history = replace(live, end=now, limit=None, speed=None, batch=_HISTORY_BATCH, processes=cpu_count() or 1)
            summary = self.run(history, open_history_sink(arguments), keeper)
            if self.stop.is_set():
                return summary
            live = replace(live, resume=now)
        return self.run(live, open_sink(arguments), keeper)


def _state(path: Path | None, arguments: dict[str, Any], options: RunOptions, now: int) -> Continued:
    name = options.scenario.name
    found = continued.read(path, name, now) if path else None
    return found or continued.begin(name, options.seed, now, arguments["history"])


def _observe(simulation: Simulation, display: Display, keeper: Keeper | None) -> None:
    display.show(simulation)
    if keeper is not None and not simulation.unsent:
        keeper.keep(simulation.feed.time, time.monotonic())


def _opening(options: RunOptions) -> str:
    start = format_timestamp(from_milliseconds(options.begin))
    scenario = options.scenario
    return f"Simulation {scenario.name}: {scenario.people.initial} people, seed {options.seed}, from {start}"
