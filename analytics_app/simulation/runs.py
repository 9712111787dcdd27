"""The simulation runs of the API in the database, which every web worker sees.

One runs at a time: the database refuses a second running row. The worker that runs it beats every
second; a run without a heartbeat has lost its worker and is marked failed at the next look.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from analytics_app.models import SimulationRun, Source

HEARTBEAT_SECONDS: Final = 1.0
STALE_AFTER: Final = timedelta(seconds=15)
_BUDGET_TIME: Final = timedelta(hours=24)
SOURCE_NAME: Final = "simulation"

_Status = SimulationRun.Status


class Counts(NamedTuple):
    """Events of a run so far."""

    accepted: int
    rejected: int


class RunError(Exception):
    """No simulation can be started; `code` is for programs, the message for people."""

    code = ""
    status = 409


class AlreadyRunningError(RunError):
    """Another simulation runs."""

    code = "simulation_running"


class SourceDisabledError(RunError):
    """The source of simulated events was disabled."""

    code = "source_disabled"


class BudgetError(RunError):
    """It would send more than all simulations of a day may."""

    code = "simulation_limit"
    status = 429


def create_run(*, scenario: str, rate: float, duration: float, seed: int | None, now: datetime) -> SimulationRun:
    """A new running row; the caller has to run it.

    Events carry the source `simulation`, which is made when it is missing.
    Raises AlreadyRunningError, SourceDisabledError, BudgetError.
    """
    source, _ = Source.objects.get_or_create(name=SOURCE_NAME)
    if not source.enabled:
        raise SourceDisabledError(f"The source {SOURCE_NAME} is disabled; enable it in the admin.")
    running_run(now)
    left = max(0, settings.SIMULATION_DAILY_EVENTS - spent(now))
    if rate * duration > left:
        raise BudgetError(
            f"It would send {rate * duration:.0f} events. Of the {settings.SIMULATION_DAILY_EVENTS} that simulations "
            f"may send in 24 hours (SIMULATION_DAILY_EVENTS) {left} are left."
        )
    seed = secrets.randbelow(2**32) if seed is None else seed
    try:
        with transaction.atomic():
            return SimulationRun.objects.create(
                scenario=scenario, rate=rate, duration=duration, seed=seed, started_on=now, heartbeat_on=now
            )
    except IntegrityError:
        raise AlreadyRunningError("A simulation runs already; stop it with DELETE, or in the admin.") from None


def spent(now: datetime) -> int:
    """Events that the runs of the last 24 hours have sent."""
    recent = SimulationRun.objects.filter(heartbeat_on__gt=now - _BUDGET_TIME)
    return sum(run.accepted + run.rejected for run in recent)


def running_run(now: datetime) -> SimulationRun | None:
    """The run that is running. One whose worker died is marked failed first."""
    dead = SimulationRun.objects.filter(status=_Status.RUNNING, heartbeat_on__lt=now - STALE_AFTER)
    dead.update(status=_Status.FAILED, ended_on=now, message="The web worker that ran it died.")
    return SimulationRun.objects.filter(status=_Status.RUNNING).first()


def request_stop(run_id: int) -> None:
    """Ask the worker that runs it to stop; it looks every second."""
    SimulationRun.objects.filter(pk=run_id, status=_Status.RUNNING).update(stop_requested=True)


def beat(run_id: int, counts: Counts, now: datetime) -> bool:
    """Say that the run lives and how far it is. False when it has to stop."""
    mine = SimulationRun.objects.filter(pk=run_id, status=_Status.RUNNING)
    mine.update(heartbeat_on=now, **counts._asdict())
    return mine.filter(stop_requested=False).exists()


def end_run(run_id: int, status: SimulationRun.Status, message: str, counts: Counts, now: datetime) -> None:
    """Record the end of a run, with its last counts."""
    SimulationRun.objects.filter(pk=run_id, status=_Status.RUNNING).update(
        status=status, message=message, ended_on=now, heartbeat_on=now, **counts._asdict()
    )
