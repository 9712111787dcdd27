"""librdkafka's settings as an operator gives them: a `client.properties` file and KAFKA_* variables."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

# Variables that start with KAFKA_ and are Brokerlytics' own.
_OURS: Final = {
    "KAFKA_CONFIG_FILE",
    "KAFKA_PORT",
    "KAFKA_TOPIC",
    "KAFKA_PARTITIONS",
    "KAFKA_RETENTION_DAYS",
    "KAFKA_REPLICATION_FACTOR",
}
# Those of Kafka's own scripts, on a machine where Kafka is installed.
_OF_KAFKA_SCRIPTS: Final = re.compile(r"KAFKA_HOME|KAFKA_.*_?OPTS|KAFKA_DEBUG")
# What Confluent Cloud's files hold for other programs, or for one kind of client that sets it itself.
_NOT_FOR_US: Final = re.compile(
    r"(schema\.registry|basic\.auth|bearer\.auth|key|value)\..*"
    r"|acks|client\.dns\.lookup|session\.timeout\.ms|sasl\.jaas\.config|sasl\.mechanism"
)
_PAIR: Final = re.compile(r"([^\s=:]+)\s*[=:]\s*(.*)")
_JAAS_OPTION: Final = re.compile(r"""\b(username|password)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def kafka_client_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """librdkafka's settings from `environment`: KAFKA_SASL_USERNAME gives sasl.username.

    Those of the file that KAFKA_CONFIG_FILE names come first; variables win over them. The file is
    librdkafka's or Java's `client.properties`.
    Raises ImproperlyConfigured when the file cannot be read.
    """
    path = environment.get("KAFKA_CONFIG_FILE")
    from_file = _from_properties(_read_properties(Path(path))) if path else {}
    from_variables = {
        _setting_name(name): value
        for name, value in environment.items()
        if name.startswith("KAFKA_") and value and name not in _OURS and not _OF_KAFKA_SCRIPTS.fullmatch(name)
    }
    return from_file | from_variables


def _setting_name(variable: str) -> str:
    name = variable.removeprefix("KAFKA_").lower()
    # Of all of librdkafka's settings this one has an underscore.
    return name if name == "log_level" else name.replace("_", ".")


def _from_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """What of a `client.properties` file librdkafka understands, with Java's names turned into its own."""
    found = {}
    if mechanism := properties.get("sasl.mechanism"):
        found["sasl.mechanisms"] = mechanism
    for option, double_quoted, single_quoted in _JAAS_OPTION.findall(properties.get("sasl.jaas.config", "")):
        found[f"sasl.{option}"] = double_quoted or single_quoted
    return found | {name: value for name, value in properties.items() if not _NOT_FOR_US.fullmatch(name)}


def _read_properties(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ImproperlyConfigured(f"KAFKA_CONFIG_FILE={path} cannot be read: {reason}.") from None
    properties = {}
    for number, line in _logical_lines(text):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            # Not the line itself: it may hold a password.
            raise ImproperlyConfigured(f"KAFKA_CONFIG_FILE={path}, line {number}: expected name=value.")
        properties[pair[1]] = pair[2]
    return properties


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers; a backslash at its end carries a line on in the next one."""
    carried = ""
    for number, line in enumerate(text.splitlines(), start=1):
        joined = carried + line.strip()
        if joined.endswith("\\"):
            carried = joined.removesuffix("\\")
            continue
        carried = ""
        if joined and not joined.startswith(("#", "!")):
            yield number, joined
