"""Other programs that carry a topic into a file, each a process of its own while it is measured.

None of them promises what the feeder does: they are at least once, and none syncs its file.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from benchmarks.cluster import free_port
from brokerlytics.csv_format import COLUMNS
from brokerlytics.local_kafka.errors import KafkaUnavailableError
from brokerlytics.local_kafka.jars import ensure_jars, find_java

KCAT = "kcat"
CONNECT = "Kafka Connect FileStreamSink"
CONNECT_DEFAULTS = "Kafka Connect with its defaults"
REDPANDA = "Redpanda Connect"
BENTO = "Bento"
_HERE = Path(__file__).parent
_VAR = settings.BASE_DIR / "var"
_QUOTED = r'''"\"" + %s.replace_all("\"", "\"\"") + "\""'''
_NEEDS_QUOTES = r"""this.contains(",") || this.contains("\"") || this.contains("\r") || this.contains("\n")"""


@dataclass(frozen=True)
class Peer:
    """`command` writes a line for each event of the topic into `output`, and goes on until it is stopped, or ends.

    `most`: of so many events at most its rate is taken, for it is slow. `why_not`: why it cannot run here.
    """

    name: str
    command: tuple[str, ...] = ()
    output: Path = Path()
    most: int | None = None
    why_not: str = ""


def peers(topic: str, directory: Path) -> list[Peer]:
    """Each with files of its own below `directory`, and in a consumer group of its own."""
    directory.mkdir(parents=True)
    return [
        _kcat(topic, directory),
        _connect(CONNECT, topic, directory / "tuned", tuned=True),
        _connect(CONNECT_DEFAULTS, topic, directory / "defaults", tuned=False),
        _stream_processor(REDPANDA, shutil.which("redpanda-connect"), topic, directory),
        _stream_processor(BENTO, _build_bento(), topic, directory),
    ]


@contextmanager
def running(peer: Peer) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `peer`, stopped at the end. What it says goes to a file beside its output."""
    with peer.output.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(peer.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _kcat(topic: str, directory: Path) -> Peer:
    """Raw values, a line each; it decodes nothing."""
    kcat, output = shutil.which("kcat"), directory / "kcat.txt"
    if kcat is None:
        return Peer(KCAT, why_not="not installed")
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    line = f'exec "{kcat}" -C -e -q -b "{servers}" -t "{topic}" -o beginning > "{output}"'
    return Peer(KCAT, ("/bin/sh", "-c", line), output)


def _connect(name: str, topic: str, directory: Path, *, tuned: bool) -> Peer:
    """A standalone worker; raw values, a line each. `tuned`: with the settings that were the fastest."""
    jars = _VAR / "kafka" / "connect-jars"
    try:
        java = find_java()
        ensure_jars(jars, lambda _: print("Fetching Kafka Connect", file=sys.stderr), _HERE / "connect" / "pom.xml")
    except KafkaUnavailableError as error:
        return Peer(name, why_not=str(error))
    directory.mkdir()
    output = directory / "connect.txt"
    strings = "org.apache.kafka.connect.storage.StringConverter"
    worker = {
        "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "key.converter": strings,
        "value.converter": strings,
        "offset.storage.file.filename": directory / "connect.offsets",
        "listeners": f"http://127.0.0.1:{free_port()}",
        "plugin.discovery": "service_load",
    }
    sink = {
        "name": f"sink-{uuid4().hex}",
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "topics": topic,
        "file": output,
    }
    if tuned:
        # The best of 1 (its default), 2 and 6, of 500 (its default) and 5,000 records a poll.
        sink["tasks.max"] = 6
        worker["consumer.max.poll.records"] = 5000
    files = [_properties(directory / f"{what}.properties", of) for what, of in (("worker", worker), ("sink", sink))]
    logging = f"-Dlog4j2.configurationFile={_HERE / 'connect' / 'log4j2.properties'}"
    main = "org.apache.kafka.connect.cli.ConnectStandalone"
    return Peer(name, (str(java), "-Xmx1g", logging, "-cp", f"{jars}/*", main, *files), output)


def _properties(path: Path, values: dict[str, object]) -> str:
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return str(path)


def _stream_processor(name: str, program: str | None, topic: str, directory: Path) -> Peer:
    """Decodes the JSON and writes a CSV row of our columns, quoted where that is needed; no header."""
    if program is None:
        return Peer(name, why_not="not installed")
    output = directory / f"{program.rsplit('/', 1)[-1]}.csv"
    cells = ", ".join(f"this.{column} | null" for column in COLUMNS[:-2])
    # Asking for each character is faster than a regular expression.
    mapping = f"""
root = [{cells}, metadata("kafka_partition"), metadata("kafka_offset")].map_each(match {{
  this == null => ""
  this.type() == "object" => {_QUOTED % "this.format_json(no_indent: true).string()"}
  this.type() == "string" && ({_NEEDS_QUOTES}) => {_QUOTED % "this"}
  _ => this.string()
}}).join(",")
"""
    config = {
        "http": {"enabled": False},
        "logger": {"level": "WARN"},
        "input": {
            "kafka_franz": {
                "seed_brokers": [settings.KAFKA_BOOTSTRAP_SERVERS],
                "topics": [topic],
                "consumer_group": uuid4().hex,
                "start_from_oldest": True,
                # The best of none, 1,000 and 5,000.
                "batching": {"count": 5000, "period": "100ms"},
            }
        },
        "pipeline": {"processors": [{"mapping": mapping}]},
        "output": {"file": {"path": str(output), "codec": "lines"}},
    }
    path = output.with_suffix(".yaml")
    # JSON is YAML.
    path.write_text(json.dumps(config, indent=1))
    return Peer(name, (program, "run", str(path)), output, most=300_000)


def _build_bento() -> str | None:
    """The program, built from benchmarks/bento when Go is there; its modules are fetched the first time."""
    go, program = shutil.which("go"), _VAR / "benchmarks" / "bento"
    if go is None:
        return None
    built = subprocess.run([go, "build", "-o", program, "."], cwd=_HERE / "bento", check=False)
    return str(program) if built.returncode == 0 else None
