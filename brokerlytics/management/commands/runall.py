import os
import signal
import time
from datetime import UTC, datetime
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from brokerlytics.banner import banner
from brokerlytics.bootstrap import bootstrap
from brokerlytics.local_kafka.errors import LocalKafkaError
from brokerlytics.local_kafka.locks import ProcessLock
from brokerlytics.local_kafka.serve import TRYOUT_WARNING, choose, why_unavailable
from brokerlytics.supervision import Program, programs
from brokerlytics.supervision_run import Announcer, ReadyWatch, Supervision
from brokerlytics.topics import TopicError
from brokerlytics.web import PortInUseError, base_url, check_port

_LATE_SECONDS = 60.0
_STEP_SECONDS = 0.2


class Command(BaseCommand):
    help = "Run everything in the foreground: Kafka, web server, feeder, simulation. `make run` calls it."

    def handle(self, **_: Any) -> None:
        stopping = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        # It is held until this process ends.
        lock = ProcessLock(settings.DATA_DIR / "run" / "LOCK")
        if not lock.acquire():
            another = "To run another one beside it, set DATA_DIR, PORT and KAFKA_PORT."
            raise CommandError(f"Brokerlytics runs already in {settings.DATA_DIR}, process {lock.holder}. {another}")
        env = dict(os.environ, PYTHONUNBUFFERED="1")
        try:
            check_port()
            found = self._programs(env)
            installation = bootstrap(self._write)
        except (PortInUseError, LocalKafkaError, TopicError) as error:
            raise CommandError(str(error)) from None
        if not stopping.is_set():
            self._supervise(found, env, banner(installation, colour=self.stdout.isatty()), stopping)

    def _programs(self, env: dict[str, str]) -> list[Program]:
        """What is to run; where Kafka cannot run, `env` is given a store that ends with its stand-in."""
        if settings.KAFKA_EXTERNAL:
            return programs(kafka=False, tryout=False, simulate=settings.SIMULATE)
        home = settings.DATA_DIR / "kafka"
        reason = why_unavailable(home, self._write)
        choose(home, settings.KAFKA_PORT, tryout=reason is not None).check_ports()
        if reason:
            store = settings.DATA_DIR / "tryout" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            env["STORE_DIR"] = str(store)
            self.stderr.write(f"{reason}\n{TRYOUT_WARNING} The events of this run are stored in {store}.")
        return programs(kafka=True, tryout=reason is not None, simulate=settings.SIMULATE)

    def _supervise(self, found: list[Program], env: dict[str, str], text: str, stopping: Event) -> None:
        supervision = Supervision(found, settings.DATA_DIR, env, self._write, colour=self.stdout.isatty())
        watch = ReadyWatch(f"{base_url()}/readyz")
        announcer = Announcer(watch, text, late_at=time.monotonic() + _LATE_SECONDS)
        told = False
        try:
            while (status := supervision.step(stop=stopping.is_set())) is None:
                if stopping.is_set() and not told:
                    self._write("Stopping everything in order; this may take some seconds.")
                    told = True
                elif line := announcer.step(time.monotonic()):
                    self._write(line)
                time.sleep(_STEP_SECONDS)
        finally:
            supervision.close()
            watch.close()
        if not stopping.is_set():
            log = settings.DATA_DIR / "logs" / "supervisor.log"
            raise CommandError(f"The supervisor ended by itself with status {status}: see {log}.")
        self._write("Stopped.")

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
