"""The processes of the whole product, as supervisor keeps them: what runs, in which order, how it is stopped."""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from django.conf import settings

from brokerlytics.processes import tied_to_parent

_LOG_BYTES: Final = "10MB"
_LOG_BACKUPS: Final = 2
# A process that ends sooner than this after its start is started again ever later: 1, 2, 3 ... seconds.
_START_SECONDS: Final = 10
# It never gives up: nobody is there to start it by hand.
_START_RETRIES: Final = 1_000_000
_MAINTENANCE_SECONDS: Final = "3600"
_HISTORY_DAYS: Final = "30"
_PEOPLE: Final = "9000"
_NEW_PEOPLE: Final = "360"


@dataclass(frozen=True, slots=True)
class Program:
    """One process. They start in their order in the list, and stop in the reverse order, each waited for.

    `stop_seconds` is how long it may take to end after SIGTERM before it is killed.
    """

    name: str
    command: list[str]
    stop_seconds: int


def programs(*, kafka: bool, tryout: bool, simulate: bool) -> list[Program]:
    """What runs: the local Kafka (its stand-in when `tryout`), feeder, web server, simulation, index, maintenance.

    They stop in the reverse order, so that the feeder outlives what produces.
    """
    broker = Program("kafka", _manage("runkafka", "--tryout" if tryout else "--no-tryout"), stop_seconds=90)
    clients = [
        Program("feeder", _manage("runfeeder"), stop_seconds=120),
        Program("web", _manage("runweb"), stop_seconds=60),
    ]
    if simulate:
        clients.append(Program("simulation", _simulation(tryout=tryout), stop_seconds=60))
    maintenance = Program("maintenance", _manage("maintainstore", "--every", _MAINTENANCE_SECONDS), stop_seconds=60)
    index = Program("index", _manage("buildindex", "--follow"), stop_seconds=60)
    return [*([broker, *map(_after_kafka, clients)] if kafka else clients), index, maintenance]


def _simulation(*, tryout: bool) -> list[str]:
    """Made-up people: thirty days of them when it starts for the first time, then as they go on."""
    command = _manage(
        "simulate", "live", "--users", _PEOPLE, "--new-users-per-day", _NEW_PEOPLE, "--source", "simulation"
    )
    if tryout:
        # The stand-in keeps too little for a history.
        return command
    # In the store, for it says what is in there.
    progress = str(settings.STORE_DIR / "simulation.json")
    return [*command, "--history", _HISTORY_DAYS, "--continue", progress]


def _after_kafka(program: Program) -> Program:
    wait = [sys.executable, "-m", "brokerlytics.local_kafka.wait", settings.KAFKA_BOOTSTRAP_SERVERS]
    return replace(program, command=[*wait, settings.KAFKA_TOPIC, *program.command])


def supervisor_config(found: list[Program], run_dir: Path, log_dir: Path) -> str:
    """The text of supervisord.conf: in the foreground, silent, its own log and each program's in `log_dir`."""
    supervisord = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": log_dir / "supervisor.log",
        "logfile_maxbytes": _LOG_BYTES,
        "logfile_backups": _LOG_BACKUPS,
        "pidfile": run_dir / "supervisord.pid",
        "childlogdir": log_dir,
    }
    sections = [_section("supervisord", supervisord)]
    for priority, program in enumerate(found, start=1):
        options = {
            "command": shlex.join(tied_to_parent(program.command)),
            "directory": settings.BASE_DIR,
            "priority": priority,
            "autorestart": "true",
            "startsecs": _START_SECONDS,
            "startretries": _START_RETRIES,
            "stopsignal": "TERM",
            "stopwaitsecs": program.stop_seconds,
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": log_dir / f"{program.name}.log",
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_BACKUPS,
        }
        sections.append(_section(f"program:{program.name}", options))
    return "\n".join(sections)


def _manage(command: str, *arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command, *arguments]


def _section(name: str, options: dict[str, object]) -> str:
    lines = [f"{option}={_escape(option, str(value))}\n" for option, value in options.items()]
    return f"[{name}]\n{''.join(lines)}"


def _escape(option: str, value: str) -> str:
    # supervisor expands %(name)s in values, and in the names of logs it does so twice.
    escaped = value.replace("%", "%%")
    return escaped.replace("%", "%%") if option == "stdout_logfile" else escaped
