"""The arguments of `simulate`, and what of a run they say."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from os import cpu_count
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from analytics_app.body import MAX_EVENTS
from analytics_app.simulation.faults import FaultShares
from analytics_app.simulation.options import RunOptions, people_for
from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.scenario_file import DEFAULT
from brokerlytics.timestamps import parse_timestamp

_N = TypeVar("_N", int, float)

ACTIONS: Final = ("live", "backfill", "validate", "list")
SINKS: Final = ("api", "sdk", "kafka", "csv", "stdout")
_HISTORY: Final = timedelta(days=30)
_API_BATCH: Final = 500
_OTHER_BATCH: Final = 10_000
_MOST_PROCESSES: Final = 64


class ArgumentsError(Exception):
    """The arguments do not fit together; the message is one line."""


def add_arguments(parser: ArgumentParser) -> None:
    """All of them; those of time and people are of the run, the rest of how it is sent."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="live", help="live, when missing")
    parser.add_argument("scenario", nargs="?", default=DEFAULT, help=f"a name or a YAML file ({DEFAULT})")
    _add_people(parser)
    _add_time(parser)
    _add_faults(parser)
    _add_sending(parser)


def _add_people(parser: ArgumentParser) -> None:
    people = parser.add_argument_group("people; the scenario says them, when missing")
    people.add_argument("--users", type=number(int, 1, 10_000_000), help="who are there at the start")
    people.add_argument("--new-users-per-day", type=number(float, 0, 10_000_000), help="who join on the first day")
    people.add_argument("--churn", type=number(float, 0, 1), help="the share who leave after a session")
    people.add_argument("--seed", type=number(int, 0, 2**63 - 1), help="the same seed makes the same events; random")


def _add_time(parser: ArgumentParser) -> None:
    times = parser.add_argument_group("time")
    pace = times.add_mutually_exclusive_group()
    pace.add_argument("--rate", type=number(float, 0.001, 1_000_000), help="events per second, evenly")
    pace.add_argument("--speed", type=number(float, 0.001, 1_000_000), help="how fast their time goes by (live: 1)")
    times.add_argument("--duration", type=number(float, 0.001, 1e9), metavar="SECONDS")
    times.add_argument("--limit", type=number(int, 1, 10**12), metavar="EVENTS")
    times.add_argument(
        "--start", type=_time, help="of the events, ISO 8601; live: now, backfill: 30 days before the end"
    )
    times.add_argument("--end", type=_time, help="of the events, ISO 8601; backfill: now")
    times.add_argument(
        "--history",
        type=number(float, 0, 120),
        default=0.0,
        metavar="DAYS",
        help="live: what happened in the days before goes to Kafka first (0)",
    )
    times.add_argument("--continue", metavar="FILE", help="live: go on where the run that wrote the file ended")
    times.add_argument("--now", type=_time, help="the present, ISO 8601; with it a run can be repeated byte by byte")
    times.add_argument("--tz", type=_timezone, help="of the day and week curves; the scenario's")


def _add_faults(parser: ArgumentParser) -> None:
    faults = parser.add_argument_group("faults, each the share of events from 0 to 1")
    for name, text in (
        ("duplicates", "sent again"),
        ("late", "sent minutes later"),
        ("out-of-order", "sent seconds later"),
        ("malformed", "broken ones, sent in addition"),
    ):
        faults.add_argument(f"--{name}", type=number(float, 0, 1), default=0.0, metavar="SHARE", help=text)


def _add_sending(parser: ArgumentParser) -> None:
    sending = parser.add_argument_group("sending")
    sending.add_argument("--sink", choices=SINKS, default="api", help="where to (api)")
    sending.add_argument("--url", help="of the server, for api, sdk and --verify (http://127.0.0.1:$PORT)")
    sending.add_argument("--write-key", help="for api and sdk; the key of the source")
    sending.add_argument("--source", help="the name that the events carry; the first enabled source")
    sending.add_argument("--output", help="a file for csv and stdout (standard output)")
    sending.add_argument("--batch", type=number(int, 1, 100_000), help="events in one go at most (api: 500)")
    sending.add_argument(
        "--concurrency",
        type=number(int, 1, _MOST_PROCESSES),
        help="processes that make events; backfill: one for each processor, live: 1",
    )
    sending.add_argument("--dry-run", action="store_true", help="send nothing; the summary says what would be")
    sending.add_argument("--progress", choices=["auto", "panel", "lines", "none"], default="auto")
    sending.add_argument(
        "--verify", action="store_true", help="wait for the feeder, and hold the dashboard at --url against the summary"
    )
    sending.add_argument("--summary", metavar="FILE", help="write the summary there as JSON")


def run_options(options: dict[str, Any], scenario: Scenario, seed: int, now: datetime, timezone: str) -> RunOptions:
    """What the arguments say; `now` where they do not. Raises ArgumentsError."""
    now = options["now"] or now
    backfill = options["action"] == "backfill"
    end: datetime | None = options["end"] or (now if backfill else None)
    start: datetime = options["start"] or ((end or now) - _HISTORY if backfill else now)
    if on_and_on(options) and (backfill or options["rate"]):
        raise ArgumentsError("--history and --continue are for `live` without --rate.")
    if options["verify"] and (options["dry_run"] or options["sink"] in ("csv", "stdout") or on_and_on(options)):
        raise ArgumentsError("--verify is for runs of their own that are sent with --sink api, sdk or kafka.")
    if end is not None and end <= start:
        raise ArgumentsError("--end is not after --start.")
    rate, speed, limit = options["rate"], options["speed"], options["limit"]
    if not backfill and rate is None and speed is None:
        speed = 1.0
    if (duration := options["duration"]) is not None:
        if rate is not None:
            limit = min(limit or 10**12, max(1, round(rate * duration)))
        else:
            wanted = start + timedelta(seconds=duration * (speed or 1.0))
            end = wanted if end is None else min(end, wanted)
    return RunOptions(
        scenario=with_people(scenario, options, rate),
        seed=seed,
        start=milliseconds(start),
        timezone=timezone,
        end=None if end is None else milliseconds(end),
        limit=limit,
        rate=rate,
        speed=speed,
        faults=FaultShares(options["duplicates"], options["late"], options["out_of_order"], options["malformed"]),
        batch=_batch(options),
        processes=options["concurrency"] or ((cpu_count() or 1) if backfill else 1),
    )


def on_and_on(options: dict[str, Any]) -> bool:
    """Whether what happened before the present belongs to the run."""
    return bool(options["history"] or options["continue"])


def with_people(scenario: Scenario, options: dict[str, Any], rate: float | None) -> Scenario:
    """The scenario with what the arguments say of its people."""
    if rate is not None and options["users"] is None:
        scenario = people_for(scenario, rate)
    said = {"initial": "users", "new_per_day": "new_users_per_day", "churn": "churn"}
    people = {field: options[name] for field, name in said.items() if options[name] is not None}
    rhythm = {} if options["tz"] is None else {"timezone": options["tz"]}
    return replace(scenario, people=replace(scenario.people, **people), rhythm=replace(scenario.rhythm, **rhythm))


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)


def number(kind: Callable[[str], _N], lowest: float, highest: float) -> Callable[[str], _N]:
    """A reader of numbers within these limits, for argparse."""

    def parse(text: str) -> _N:
        try:
            value = kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a number.") from None
        if not lowest <= value <= highest:
            raise ArgumentTypeError(f"{text} is not between {lowest:g} and {highest:g}.")
        return value

    return parse


def _batch(options: dict[str, Any]) -> int:
    by_http = options["sink"] in ("api", "sdk")
    batch: int = options["batch"] or (_API_BATCH if by_http else _OTHER_BATCH)
    if by_http and batch > MAX_EVENTS:
        raise ArgumentsError(f"--batch is {batch}; the server takes {MAX_EVENTS} events in a request.")
    return batch


def _time(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 time such as 2026-08-22T09:30:00Z.") from None


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ArgumentTypeError(f"{text!r} is no timezone such as Europe/Berlin.") from None
    return text
