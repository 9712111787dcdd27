"""The servers that are measured, each a process of its own while a benchmark runs."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.core.management import call_command

from analytics_app.producer import producer_config
from benchmarks.cluster import free_port
from benchmarks.peer import route
from brokerlytics.ports import port_accepts
from brokerlytics.web import web_command

_SHARED_SETTINGS = ("acks", "enable.idempotence", "compression.type")
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """Listens on `port` of loopback; `write_key` is empty for the peer. `pid`: the first of its processes."""

    port: int
    pid: int
    write_key: str = ""

    def processes(self) -> list[psutil.Process]:
        """Its workers too."""
        first = psutil.Process(self.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """What its processes have used so far, in the kernel too."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(time.user + time.system for time in times)


def child_environment() -> dict[str, str]:
    """For a process of the product that is to find the benchmark's Kafka."""
    return {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": settings.KAFKA_BOOTSTRAP_SERVERS}


def peak_memory(pid: int) -> float:
    """The most resident memory that a process and its children have had so far, in MB; 0 when it has ended."""
    try:
        first = psutil.Process(pid)
        processes = [first, *first.children(recursive=True)]
        return sum(_peak_kilobytes(process.pid) for process in processes) / 1024
    except psutil.NoSuchProcess:
        return 0.0


def _peak_kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


@contextmanager
def web_server(directory: Path, topic: str, store: Path | None = None) -> Iterator[Server]:
    """Brokerlytics' own, with a database in `directory`, and its store unless another one is given."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    output = io.StringIO()
    call_command("createsource", "bench", exist_ok=True, stdout=output)
    settings.PORT = free_port()
    env = {**child_environment(), "DATA_DIR": str(directory), "KAFKA_TOPIC": topic, "PORT": str(settings.PORT)}
    if store:
        env["STORE_DIR"] = str(store)
    with _running(web_command(), settings.PORT, env) as pid:
        yield Server(settings.PORT, pid, output.getvalue().strip())


@contextmanager
def peer_server(topic: str, *, tuned: bool = False) -> Iterator[Server]:
    """mq-bridge with our producer's settings where they are a promise; the others are its defaults, or suit it best."""
    port = free_port()
    config = route(port, settings.KAFKA_BOOTSTRAP_SERVERS, topic, shared_producer_settings(), tuned=tuned)
    command = [sys.executable, "-m", "benchmarks.peer", json.dumps(config)]
    with _running(command, port, dict(os.environ)) as pid:
        yield Server(port, pid)


@contextmanager
def plain_django(topic: str) -> Iterator[Server]:
    """One process of Django as granian serves it, with a thread for each connection of the load."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    command += ["--blocking-threads", "64", "--log-level", "error", "benchmarks.plain_django:application"]
    with _running(command, port, {**child_environment(), "KAFKA_TOPIC": topic}) as pid:
        yield Server(port, pid)


def shared_producer_settings() -> dict[str, object]:
    """What every candidate's Kafka producer has in common; how long it lingers is its own choice."""
    config = producer_config(settings.PRODUCE_TIMEOUT)
    return {name: config[name] for name in _SHARED_SETTINGS}


@contextmanager
def _running(command: list[str], port: int, env: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(command, env=env, cwd=settings.BASE_DIR)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not port_accepts("127.0.0.1", port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"This did not start: {' '.join(command[:4])}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)
