import os
import re
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from supervisor.options import ServerOptions

from brokerlytics.processes import tied_to_parent
from brokerlytics.supervision import Program, programs, supervisor_config
from brokerlytics.supervision_log import MergedLog, about_processes
from brokerlytics.supervision_run import Announcer, ReadyWatch, Supervision, missing_for_readiness
from tests.conftest import free_ports
from tests.waiting import PATIENCE, wait_until


def names(*, kafka: bool = True, simulate: bool = True) -> list[str]:
    return [program.name for program in programs(kafka=kafka, tryout=False, simulate=simulate)]


def test_what_runs() -> None:
    assert names() == ["kafka", "feeder", "web", "simulation", "index", "maintenance"]
    assert names(kafka=False, simulate=False) == ["feeder", "web", "index", "maintenance"]


def test_kafka_is_what_was_found_possible_before_the_start() -> None:
    assert programs(kafka=True, tryout=False, simulate=False)[0].command[-2:] == ["runkafka", "--no-tryout"]
    assert programs(kafka=True, tryout=True, simulate=False)[0].command[-2:] == ["runkafka", "--tryout"]


def test_the_simulation_has_a_history_where_there_is_room_for_it() -> None:
    commands = {
        tryout: next(
            of.command for of in programs(kafka=False, tryout=tryout, simulate=True) if of.name == "simulation"
        )
        for tryout in (True, False)
    }
    assert "--history" not in commands[True]
    assert commands[False][-4:-1] == ["--history", "30", "--continue"]


def test_supervisor_reads_the_config_as_it_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awkward = tmp_path / "50% of it, with spaces"
    awkward.mkdir()
    path = awkward / "supervisord.conf"
    found = programs(kafka=True, tryout=False, simulate=True)
    path.write_text(supervisor_config(found, awkward, awkward))
    monkeypatch.setattr("sys.argv", ["supervisord"])
    options = ServerOptions()
    options.realize(args=["-c", str(path)])
    assert options.nodaemon
    assert options.silent
    assert options.pidfile == str(awkward / "supervisord.pid")
    assert options.server_configs == []
    groups = sorted(options.process_group_configs)
    assert [group.name for group in groups] == [program.name for program in found]
    for group, program in zip(groups, found, strict=True):
        process = group.process_configs[0]
        assert shlex.split(process.command) == tied_to_parent(program.command)
        assert process.stopwaitsecs == program.stop_seconds
        assert process.stdout_logfile == str(awkward / f"{program.name}.log")
        assert process.autorestart


class TestLog:
    def test_lines_of_all_come_with_their_names(self, tmp_path: Path) -> None:
        (tmp_path / "web.log").write_text("of the run before\n")
        log = MergedLog(tmp_path, ["web", "feeder"], colour=False)
        assert list(log.lines()) == []
        append(tmp_path / "web.log", "one\ntwo\nhalf of")
        append(tmp_path / "feeder.log", "three\n")
        assert list(log.lines()) == ["web        | one", "web        | two", "feeder     | three"]
        append(tmp_path / "web.log", " a line\n")
        assert list(log.lines()) == ["web        | half of a line"]
        log.close()

    def test_rotation_loses_nothing(self, tmp_path: Path) -> None:
        log = MergedLog(tmp_path, ["web"], colour=False)
        append(tmp_path / "web.log", "one\n")
        assert list(log.lines()) == ["web        | one"]
        append(tmp_path / "web.log", "two\n")
        (tmp_path / "web.log").rename(tmp_path / "web.log.1")
        append(tmp_path / "web.log", "three\n")
        assert list(log.lines()) == ["web        | two", "web        | three"]
        log.close()

    def test_a_log_that_is_just_being_rotated_is_read_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was there a moment ago, and is renamed when it is to be opened."""
        with monkeypatch.context() as patch:
            patch.setattr(Path, "exists", lambda _: True)
            log = MergedLog(tmp_path, ["web"], colour=False)
            assert list(log.lines()) == []
        append(tmp_path / "web.log", "one\n")
        assert list(log.lines()) == ["web        | one"]
        log.close()

    def test_a_terminal_gets_colours(self, tmp_path: Path) -> None:
        log = MergedLog(tmp_path, ["web"], colour=True)
        append(tmp_path / "web.log", "one\n")
        assert list(log.lines()) == ["\033[36mweb        |\033[0m one"]
        log.close()

    def test_of_the_supervisor_only_the_ends_of_processes(self, tmp_path: Path) -> None:
        log = MergedLog(tmp_path, ["web"], colour=False)
        append(tmp_path / "supervisor.log", "2026-11-23 19:30:53,666 INFO spawned: 'web' with pid 4128\n")
        append(tmp_path / "supervisor.log", "2026-11-23 19:30:53,660 WARN exited: web (exit status 1; not expected)\n")
        assert list(log.lines()) == ["supervisor | exited: web (exit status 1; not expected)"]
        log.close()
        assert about_processes("2026-11-23 19:29:54,201 INFO success: web entered RUNNING state") is None


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


SLEEPER = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.1; done"]


@pytest.fixture
def supervision(tmp_path: Path) -> tuple[Supervision, list[str]]:
    lines: list[str] = []
    found = [Program("first", SLEEPER, 10), Program("second", SLEEPER, 10)]
    return Supervision(found, tmp_path, {"PATH": "/usr/bin:/bin"}, lines.append, colour=False), lines


def step_until(supervision: Supervision, lines: list[str], text: str, count: int = 1) -> None:
    def said() -> bool:
        assert supervision.step(stop=False) is None
        return sum(text in line for line in lines) >= count

    wait_until(said, lambda: lines)


def test_all_stop_in_the_reverse_order_each_waited_for(supervision: tuple[Supervision, list[str]]) -> None:
    running, lines = supervision
    try:
        step_until(running, lines, "up", 2)
        while (status := running.step(stop=True)) is None:
            time.sleep(0.05)
    finally:
        running.close()
    assert status == 0
    ends = [line for line in lines if "stopped" in line]
    assert ends == ["supervisor | stopped: second (exit status 0)", "supervisor | stopped: first (exit status 0)"]
    assert sum("bye" in line for line in lines) == 2


def test_what_dies_is_started_again(supervision: tuple[Supervision, list[str]], tmp_path: Path) -> None:
    running, lines = supervision
    try:
        step_until(running, lines, "up", 2)
        log = (tmp_path / "logs" / "supervisor.log").read_text()
        spawned = re.search(r"spawned: 'second' with pid (\d+)", log)
        assert spawned
        os.kill(int(spawned[1]), signal.SIGKILL)
        step_until(running, lines, "up", 3)
    finally:
        running.close()
    assert any("exited: second (terminated by SIGKILL" in line for line in lines)


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server that answers every GET with `body`; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/readyz"
        finally:
            server.shutdown()
            thread.join()


class TestReadiness:
    def test_what_is_missing_is_told(self) -> None:
        assert missing_for_readiness(f"http://127.0.0.1:{free_ports(1)}/readyz") == "The web server does not answer."
        with answering(b'{"database": "ok", "feeder": "No feeder runs."}') as url:
            assert missing_for_readiness(url) == "No feeder runs."

    def test_the_watch_ends_when_all_is_there(self) -> None:
        with answering(b'{"database": "ok"}') as url:
            watch = ReadyWatch(url)
            assert watch.ready.wait(PATIENCE)
            watch.close()

    def test_the_banner_comes_once_and_what_is_missing_once_before(self) -> None:
        class Watch:
            ready = Event()
            missing = "No feeder runs."

        watch = Watch()
        announcer = Announcer(watch, "banner", late_at=60.0)  # type: ignore[arg-type]  # what it looks at of a watch
        assert announcer.step(59.0) is None
        assert announcer.step(60.0) == "Not ready yet. No feeder runs."
        assert announcer.step(61.0) is None
        watch.ready.set()
        assert announcer.step(62.0) == "banner"
        assert announcer.step(63.0) is None
