"""Pipeline: from what was sent to what is stored, and where it stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from django.conf import settings

from brokerlytics.health import OK, check_feeder
from brokerlytics.intake_counts import ACCEPTED
from dashboard_app.measures.pipeline import Pipeline, measure_pipeline
from dashboard_app.presenting.charts import Series, make_chart, time_axis, time_table
from dashboard_app.presenting.pipeline import feeder_rows, headline, outcome_rows, partition_cells, size_rows
from dashboard_app.presenting.values import make_moment
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

_RECEIVED: Final = "Stored events by the time they were received"
_PARTITIONS: Final = (
    *("partition", "state", "lag", "arriving_per_second", "storing_per_second", "next_offset", "rows", "duplicates"),
    *("dead_letters", "lost_offsets", "active_segment", "committed_at", "feeder"),
)


class PipelineReport:
    """The page Pipeline. Its option is the present, in whole seconds."""

    name: ClassVar[str] = "pipeline"
    title: ClassVar[str] = "Pipeline"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    intervals: ClassVar[bool] = True
    compares: ClassVar[bool] = False

    def parse(self, query: Query, context: Context) -> datetime:  # noqa: ARG002 (the protocol's)
        return context.now.replace(microsecond=0)

    def measure(self, rows: Rows, filters: Filters, options: datetime) -> Pipeline:
        return measure_pipeline(rows.connection, filters, settings.STORE_DIR, settings.KAFKA_TOPIC, options)

    def present(self, result: Pipeline, filters: Filters, options: datetime, context: Context) -> Mapping[str, Any]:  # noqa: ARG002
        state = check_feeder()
        axis = time_axis(filters, context)
        moments = {"oldest": result.oldest_on, "newest": result.newest_on, "received": result.received_on}
        return {
            "state": "" if state == OK else state,
            "cards": headline(result),
            "charts": [make_chart("received", _RECEIVED, axis, _received(result), kind="bar")],
            "partitions": [partition_cells(row, context) for row in result.partitions],
            "feeders": feeder_rows(result.feeders, context),
            "sizes": size_rows(result.sizes),
            "letters": list(result.letters.items()),
            "letters_problem": result.letters_problem,
            "intake": outcome_rows(result),
            "topic": settings.KAFKA_TOPIC,
            **{name: moment and make_moment(moment, context.now, context.tz) for name, moment in moments.items()},
        }

    def tables(self, result: Pipeline, filters: Filters, options: datetime) -> list[Table]:  # noqa: ARG002
        sizes: list[tuple[Value, ...]] = [
            (size.kind, size.files, size.bytes, size.first_day or None, size.last_day or None) for size in result.sizes
        ]
        outcomes: list[tuple[Value, ...]] = [
            (code, code == ACCEPTED, events) for code, events in result.outcomes.items()
        ]
        return [
            _partitions(result, filters),
            Table("headline", "Pipeline", ("measure", "value"), _headline(result, filters)),
            time_table("received", _RECEIVED, filters, _received(result)),
            _feeders(result, filters),
            Table("sizes", "Store", ("kind", "files", "bytes", "first_day", "last_day"), sizes),
            Table("letters", "Dead letters by reason", ("reason", "dead_letters"), list(result.letters.items())),
            Table("intake", "What became of the events that were sent", ("code", "accepted", "events"), outcomes),
            Table(
                "intake-days",
                "The same by day",
                ("day", "code", "events"),
                [(count.day, count.code, count.events) for count in result.intake],
            ),
        ]


def _feeders(result: Pipeline, filters: Filters) -> Table:
    columns = ("feeder", "host", "process", "partitions", "rows", "duplicates", "started_at", "beat_at")
    rows: list[tuple[Value, ...]] = [
        (
            *(one.feeder, one.host, one.pid, len(one.partitions), one.rows, one.duplicates),
            one.started_at.astimezone(filters.tz),
            one.beat_at.astimezone(filters.tz),
        )
        for one in result.feeders
    ]
    return Table("feeders", "Feeders", columns, rows)


def _received(result: Pipeline) -> list[Series]:
    return [Series("Events", 3, result.received)]


def _headline(result: Pipeline, filters: Filters) -> list[tuple[Value, ...]]:
    moments = {"oldest_event": result.oldest_on, "newest_event": result.newest_on, "last_received": result.received_on}
    return [
        ("lag", result.lag),
        ("arriving_per_second", result.arriving),
        ("storing_per_second", result.storing),
        ("rows", result.rows),
        ("bytes", sum(size.bytes for size in result.sizes)),
        ("dead_letters", result.dead_letters),
        ("rejected_events", result.rejected),
        *((name, moment and moment.astimezone(filters.tz)) for name, moment in moments.items()),
    ]


def _partitions(result: Pipeline, filters: Filters) -> Table:
    rows: list[tuple[Value, ...]] = []
    for row in result.partitions:
        status, checkpoint = row.status, row.checkpoint
        rows.append(
            (
                row.partition,
                row.state,
                status.lag if status else None,
                status.arriving if status else None,
                status.storing if status else None,
                checkpoint.next_offset,
                checkpoint.rows,
                checkpoint.duplicates,
                checkpoint.dead_letters,
                sum(gap.end - gap.start for gap in checkpoint.gaps),
                checkpoint.active.name if checkpoint.active else None,
                checkpoint.committed_at and checkpoint.committed_at.astimezone(filters.tz),
                row.feeder.feeder if row.feeder else None,
            )
        )
    return Table("partitions", "Partitions", _PARTITIONS, rows)
