"""The web server alone, with everything that `make bootstrap` makes, in a process of its own."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import free_ports
from tests.ops.commands import RunningCommand, run, running
from tests.waiting import PATIENCE, lives, wait_until


@dataclass(frozen=True)
class Server:
    """A web server that answers; `password` is the admin user's."""

    url: str
    port: int
    write_key: str
    password: str
    env: dict[str, str]
    command: RunningCommand

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def environment(directory: Path, kafka: str, topic: str) -> dict[str, str]:
    """Of a command of the product; nothing of a developer's is in it."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(directory),
        "PYTHONUNBUFFERED": "1",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(directory / "var"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_TOPIC": topic,
        # One broker.
        "KAFKA_REPLICATION_FACTOR": "1",
    }


def bootstrapped(env: dict[str, str]) -> tuple[str, str]:
    """Make what the server needs; the write key of its first source and the admin user's password."""
    done = run(["bootstrap"], env)
    found = re.search(r"password (\S+) .*(wk_\w+)", done.stdout, re.DOTALL)
    assert found, done.stdout + done.stderr
    return found[2], found[1]


@contextmanager
def serving(env: dict[str, str], write_key: str = "", password: str = "") -> Iterator[Server]:
    """The server while it runs: with as many workers as it has by default."""
    port = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with running(["runweb"], env | {"PORT": str(port)}) as command:
        wait_until(lambda: command.process.poll() is not None or lives(url), lambda: command.output)
        assert command.process.poll() is None, command.output
        yield Server(url, port, write_key, password, env, command)
