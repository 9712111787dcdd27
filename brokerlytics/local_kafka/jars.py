"""Kafka's jars, from Maven Central by way of the pom beside this file."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from brokerlytics.local_kafka.errors import KafkaUnavailableError

POM: Final = Path(__file__).with_name("pom.xml")
MINIMUM_JAVA: Final = 17
_STAMP: Final = "pom.sha256"
_FETCH_TIMEOUT: Final = 900
# Both the old transport of Maven 3.8 and the new one of 3.9 give up after 10 seconds without an answer.
_MAVEN_TIMEOUTS: Final = (
    "-Dmaven.wagon.http.connectionTimeout=10000",
    "-Dmaven.wagon.http.retryHandler.count=1",
    "-Daether.connector.connectTimeout=10000",
)


def find_java() -> Path:
    """The `java` on PATH. Raises KafkaUnavailableError when there is none, or one that is too old for Kafka 4."""
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailableError(f"Java is not installed: Kafka needs Java {MINIMUM_JAVA} or newer on PATH.")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)(?:\.(\d+))?', answer.stderr)
    if found is None:
        raise KafkaUnavailableError(f"{java} does not work: `java -version` names no version.")
    # Java 8 calls itself 1.8.
    major = int(found[2] or 0) if found[1] == "1" else int(found[1])
    if major < MINIMUM_JAVA:
        raise KafkaUnavailableError(f"{java} is Java {major}: Kafka needs Java {MINIMUM_JAVA} or newer.")
    return Path(java)


def ensure_jars(directory: Path, say: Callable[[str], None] = lambda _: None, pom: Path | None = None) -> None:
    """Fetch the jars of `pom`, Kafka's own by default, into `directory` unless they are there; `say` is told before.

    `directory` appears whole or not at all. Raises KafkaUnavailableError.
    """
    pom = pom or POM
    stamp = hashlib.sha256(pom.read_bytes()).hexdigest()
    if _has_jars(directory, stamp):
        return
    say("Fetching Kafka from Maven Central (43 MB).")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jars-", dir=directory.parent) as temporary:
        fetched = Path(temporary) / "jars"
        _fetch(fetched, pom)
        (fetched / _STAMP).write_text(stamp)
        if directory.exists():
            directory.rename(Path(temporary) / "old")
        fetched.rename(directory)


def _has_jars(directory: Path, stamp: str) -> bool:
    """Whether `directory` holds the jars of the pom with this SHA-256."""
    path = directory / _STAMP
    return path.exists() and path.read_text() == stamp


def _fetch(directory: Path, pom: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError("Maven is not installed: `mvn` on PATH fetches Kafka.")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={directory}", "-DincludeScope=runtime"]
    command = [maven, "-q", "-B", "-f", str(pom), *_MAVEN_TIMEOUTS, *goal]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise KafkaUnavailableError(f"Maven did not fetch Kafka within {_FETCH_TIMEOUT} seconds.") from None
    if run.returncode != 0:
        errors = (line for line in (run.stdout + run.stderr).splitlines() if "[ERROR]" in line)
        reason = next(errors, "no reason given").replace("[ERROR]", "").strip()
        raise KafkaUnavailableError(f"Maven could not fetch Kafka: {reason[:300]}")
