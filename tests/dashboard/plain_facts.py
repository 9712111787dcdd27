"""What the facts of an index have to say, from its rows in plain Python."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from brokerlytics.index_files import index_dir, read_manifest
from dashboard_app.facts.layout import COLUMNS, TEXT_COLUMNS, FactsFile
from dashboard_app.index.base import parquet
from dashboard_app.rollup.layout import RollupFile
from dashboard_app.rollup.tables import NUMBERED
from tests.dashboard.plain_spans import SpanRow, plain_span
from tests.dashboard.store_builder import TOPIC

ROWS = "SELECT span, created_on, _partition, _offset, event_type, page_path, platform FROM {}"
NAMES = ("first_on", "last_on", "events", "acts", *TEXT_COLUMNS)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (as DuckDB's TIMESTAMP)


def check_facts(store: Path) -> None:
    """Every day's facts have each of its spans once, in the order of the rollup, with what its rows say."""
    directory = index_dir(store, TOPIC)
    manifest = read_manifest(directory)
    if not manifest.values:
        return
    with duckdb.connect() as connection:
        numbers = {
            (NUMBERED[place], value): number
            for place, value, number in connection.execute(
                f"SELECT place, value, number FROM {parquet([directory / manifest.values.name])}"
            ).fetchall()
        }
        for day in manifest.days:
            by_span = defaultdict(list)
            rows = connection.execute(ROWS.format(parquet([directory / day.file.name]))).fetchall()
            for span, created_on, partition, offset, event_type, page_path, platform in rows:
                order = (created_on.replace(tzinfo=UTC), partition, offset)
                by_span[span].append(SpanRow(None, None, 0, order, event_type, page_path, platform))
            expected = []
            for span, mine in sorted(by_span.items()):
                found = plain_span(span, mine)
                places = ["platform" if name == "platform" else "page_path" for name in TEXT_COLUMNS]
                codes = [numbers.get((place, found[name]), 0) for place, name in zip(places, TEXT_COLUMNS, strict=True)]
                times = [_microseconds(found[name]) for name in ("first_on", "last_on")]
                expected.append((*times, found["events"], found["acts"], *codes))
            file = FactsFile(directory / day.facts.name)
            columns = file.read(COLUMNS)
            assert list(zip(*(columns[name].tolist() for name in NAMES), strict=True)) == expected
            assert RollupFile(directory / day.rollup.name).spans().tolist() == sorted(by_span)
            assert file.spans == len(by_span)


def _microseconds(moment: object) -> int:
    assert isinstance(moment, datetime)
    return (moment - EPOCH) // MICROSECOND
