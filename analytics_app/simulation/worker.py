"""Runs a simulation inside a web worker: one thread sends, one keeps the row in the database true."""

import logging
import threading
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from analytics_app.models import SimulationRun
from analytics_app.process_exit import call_at_exit
from analytics_app.simulation import runs
from analytics_app.simulation.arguments import milliseconds
from analytics_app.simulation.kafka_sink import KafkaSink
from analytics_app.simulation.options import RunOptions, open_simulation, people_for
from analytics_app.simulation.runner import Simulation, run
from analytics_app.simulation.scenario_file import find, load
from analytics_app.simulation.sending import Sink, SinkError

logger = logging.getLogger(__name__)

_EXIT_SECONDS: Final = 3.0


class SimulationWorker(threading.Thread):
    """Runs `row` to its end, until its row says stop, or until the process ends."""

    def __init__(self, row: SimulationRun, sink: Sink) -> None:
        super().__init__(name=f"simulation-{row.pk}", daemon=True)
        self._run_id: int = row.pk
        self._stop_requested = threading.Event()
        self._exiting = False
        self._failure = "It ended with an error; the server's log has it."
        self._options = _options(row)
        self._sink = sink
        self._simulation: Simulation | None = None

    def run(self) -> None:
        at_exit = call_at_exit(self._stop_with_process, priority=2)
        sender = threading.Thread(target=self._send, name=f"{self.name}-sender", daemon=True)
        sender.start()
        while sender.is_alive():
            sender.join(runs.HEARTBEAT_SECONDS)
            self._beat()
        self._end()
        connections.close_all()
        at_exit.cancel()

    def _send(self) -> None:
        try:
            with open_simulation(self._options, self._sink) as self._simulation:
                run(self._simulation, self._stop_requested)
        except SinkError as error:
            self._failure = str(error)

    def _beat(self) -> None:
        try:
            go_on = runs.beat(self._run_id, self._counts(), timezone.now())
        except DatabaseError:
            logger.warning("Simulation %d: the database does not take its heartbeat.", self._run_id)
        else:
            if not go_on:
                self._stop_requested.set()

    def _end(self) -> None:
        status, message = SimulationRun.Status.FAILED, self._failure
        if self._simulation is not None and self._simulation.done and self._simulation.feed.part() == 1:
            status, message = SimulationRun.Status.FINISHED, ""
        elif self._stop_requested.is_set():
            status, message = SimulationRun.Status.STOPPED, "The web worker ended." if self._exiting else ""
        runs.end_run(self._run_id, status, message, self._counts(), timezone.now())

    def _counts(self) -> runs.Counts:
        simulation = self._simulation
        return runs.Counts(simulation.accepted, simulation.rejected.total()) if simulation else runs.Counts(0, 0)

    def _stop_with_process(self) -> None:
        self._exiting = True
        self._stop_requested.set()
        self.join(_EXIT_SECONDS)


def start_simulation(*, scenario: str, rate: float, duration: float, seed: int | None) -> SimulationRun:
    """Start a run of a shipped scenario in this process. Raises RunError."""
    row = runs.create_run(scenario=scenario, rate=rate, duration=duration, seed=seed, now=timezone.now())
    SimulationWorker(row, KafkaSink(runs.SOURCE_NAME)).start()
    return row


def _options(row: SimulationRun) -> RunOptions:
    return RunOptions(
        scenario=people_for(load(find(row.scenario)), row.rate),
        seed=row.seed,
        start=milliseconds(row.started_on),
        timezone=settings.TIME_ZONE,
        limit=max(1, round(row.rate * row.duration)),
        rate=row.rate,
    )
