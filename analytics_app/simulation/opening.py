"""The sink that the arguments ask for."""

import fcntl
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Final

from django.db import OperationalError

from analytics_app.models import Source
from analytics_app.simulation.api_sink import ApiSink
from analytics_app.simulation.file_sinks import CsvSink, LinesSink
from analytics_app.simulation.kafka_sink import KafkaSink
from analytics_app.simulation.runs import SOURCE_NAME
from analytics_app.simulation.sdk_sink import SdkSink
from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError
from brokerlytics.web import base_url

# The most that Linux lets anybody ask for: the writer waits less often for who reads.
_PIPE_BYTES: Final = 1024 * 1024


class NoSink(Sink):
    """Takes everything and sends nothing."""

    source = SOURCE_NAME

    def send(self, messages: list[Message]) -> SendResult:
        return SendResult(accepted=len(messages))

    def close(self) -> None: ...


def open_sink(options: dict[str, Any]) -> Sink:
    """Raises SinkError."""
    if options["dry_run"]:
        return NoSink()
    match options["sink"]:
        case "kafka":
            return KafkaSink(options["source"] or first_source().name)
        case "csv" | "stdout" as kind:
            make = CsvSink if kind == "csv" else LinesSink
            return make(_open(options["output"]), options["source"] or SOURCE_NAME)
        case kind:
            key = options["write_key"] or _source(options).write_key
            return (SdkSink if kind == "sdk" else ApiSink)(options["url"] or base_url(), key)


def open_history_sink(options: dict[str, Any]) -> Sink:
    """Straight to Kafka, under the name that the events carry that are sent otherwise. Raises SinkError."""
    return NoSink() if options["dry_run"] else KafkaSink(_source(options).name)


def source_name(options: dict[str, Any]) -> str:
    """The name that the events of the run carry. Raises SinkError."""
    if options["write_key"] and not options["source"]:
        source = Source.objects.filter(write_key=options["write_key"]).first()
        if source is None:
            raise SinkError("No source here has this --write-key: say with --source which one it is of.")
        return source.name
    return _source(options).name


def _source(options: dict[str, Any]) -> Source:
    return _named(options["source"]) if options["source"] else first_source()


def first_source() -> Source:
    """The first enabled source. Raises SinkError."""
    try:
        source = Source.objects.enabled().order_by("pk").first()
    except OperationalError as error:
        raise SinkError(f"The database is not ready ({error}); run `python manage.py migrate`.") from None
    if source is None:
        raise SinkError("No source is enabled; make one with `python manage.py createsource NAME`.")
    return source


def _named(name: str) -> Source:
    """The source of simulations is made when it is missing."""
    if name == SOURCE_NAME:
        return Source.objects.get_or_create(name=name)[0]
    source = Source.objects.filter(name=name).first()
    if source is None:
        raise SinkError(f"There is no source {name}; make it with `python manage.py createsource {name}`.")
    return source


def _open(path: str | None) -> BinaryIO:
    if path is None:
        # No pipe, or no such call here.
        with suppress(OSError, AttributeError):
            fcntl.fcntl(sys.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return sys.stdout.buffer
    try:
        return open(path, "wb")  # noqa: PTH123 (the sink closes it)
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror}.") from None
