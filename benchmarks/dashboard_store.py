"""A store of any number of events, written straight: what a feeder and the store's maintenance would have left.

90 days; devices that come back, half of them sign in at some time; sessions with and without an id of the client's;
pages, campaigns, revenue in three currencies, properties. The same arguments make the same store.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.checkpoint import ActiveSegment, Checkpoint, CheckpointFile
from brokerlytics.csv_format import COLUMNS, CSV_VERSION
from brokerlytics.store import PartitionPaths

TOPIC: Final = "events"
DAYS: Final = 90
PARTITIONS: Final = 6
EVENTS_OF_A_SESSION: Final = 8
_CSV: Final = """(HEADER, DELIMITER ',', QUOTE '"', ESCAPE '"', NEW_LINE '\r\n',
TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ')"""
# A number below $2 that depends on nothing but the row, each time another one.
_PICK: Final = "CREATE MACRO pick(a, salt, below) AS CAST(hash(a, salt) % CAST(below AS UBIGINT) AS INTEGER)"
_EVENTS_OF_DAY: Final = """
CREATE OR REPLACE TEMP TABLE day AS
WITH session AS (
    SELECT range + $first AS number, pick(range + $first, 1, $devices) AS device,
           $start::TIMESTAMP + to_milliseconds(pick(range + $first, 2, 85_000_000)) AS starts_on
    FROM range($sessions)
), step AS (
    SELECT *, unnest(range(1 + pick(number, 3, 2 * $per_session - 1))) AS step FROM session
), event AS (
    SELECT *, number * 64 + step AS id, starts_on + to_milliseconds(step * 41_000 + pick(number * 64 + step, 4, 30_000))
           AS happened_on,
           pick(device, 5, 2) = 0 AND $day >= pick(device, 6, $days) AS signed_in
    FROM step
), placed AS (
    SELECT *, CASE WHEN signed_in AND step = 0 THEN 'identify' WHEN pick(id, 7, 10) < 6 THEN 'page' ELSE 'track' END
           AS kind, pick(id, 8, 50) = 0 AS pays, CAST(200 * pow(pick(id, 9, 1000) / 1000.0, 3) AS INTEGER) AS page
    FROM event
)
SELECT format('{:08x}-0000-7000-8000-{:012x}', number, id) AS event_id, kind,
       CASE WHEN kind = 'identify' THEN 'IDENTIFY' WHEN kind = 'page' THEN 'page_view' WHEN pays THEN 'REVENUE'
            ELSE ['add_to_cart', 'search', 'sign_up', 'checkout', 'purchase', 'play', 'share', 'START_SESSION'
                 ][1 + pick(id, 10, 8)] END AS event_type,
       format('d-{:08x}', device) AS device_id,
       CASE WHEN signed_in THEN format('u-{:07d}', device) END AS user_id,
       CASE WHEN pick(device, 11, 10) < 7
            THEN format('s-{:010d}', number) END AS session_id,
       happened_on AS created_on, happened_on AS original_created_on,
       happened_on + INTERVAL 300 MILLISECOND AS received_on,
       ['site', 'shop', 'app'][1 + pick(device, 12, 3)] AS source,
       ['web', 'web', 'ios', 'android'][1 + pick(device, 13, 4)] AS platform,
       format('{}.{}', 1 + pick(device, 14, 3), pick(number, 15, 12)) AS app_version,
       ['Windows', 'macOS', 'iOS', 'Android', 'Linux'][1 + pick(device, 16, 5)] AS os,
       ['Chrome', 'Safari', 'Firefox', 'Edge'][1 + pick(device, 17, 4)] AS browser,
       ['desktop', 'mobile', 'tablet'][1 + pick(device, 18, 3)] AS device_type, 'en-GB' AS locale,
       ['US', 'DE', 'GB', 'FR', 'IN', 'BR', 'JP', 'CA', 'ES', 'PL'][1 + pick(device, 19, 10)] AS country,
       CASE WHEN kind = 'page' THEN format('https://example.com/page/{}', page) END AS page_url,
       CASE WHEN kind = 'page' THEN format('/page/{}', page) END AS page_path,
       CASE WHEN kind = 'page' THEN format('Page {}', page) END AS page_title,
       CASE WHEN step = 0 THEN ['https://www.google.com/', 'https://news.example/', NULL, NULL][1 + pick(number, 20, 4)]
            END AS referrer,
       CASE WHEN pick(number, 21, 5) = 0 THEN ['google', 'newsletter', 'partner'][1 + pick(number, 22, 3)] END
            AS utm_source,
       CASE WHEN pick(number, 21, 5) = 0 THEN ['cpc', 'email'][1 + pick(number, 23, 2)] END AS utm_medium,
       CASE WHEN pick(number, 21, 5) = 0 THEN format('campaign-{}', pick(number, 24, 20)) END AS utm_campaign,
       CASE WHEN kind = 'track' AND pays THEN pick(id, 25, 10_000) / 100 END AS revenue,
       CASE WHEN kind = 'track' AND pays THEN ['EUR', 'USD', 'JPY'][1 + pick(device, 26, 3)] END AS currency,
       CASE WHEN kind = 'track'
            THEN format('{{"plan":"{}","price":{}}}', ['free', 'pro', 'team'][1 + pick(device, 27, 3)],
                        pick(id, 28, 500)) END AS properties,
       NULL AS context, pick(device, 29, $partitions) AS _partition
FROM placed ORDER BY happened_on"""


def make_store(root: Path, events: int, devices: int, end: datetime) -> None:
    """Write about `events` events of the days before `end`. Those of the last hour are in active segments."""
    next_offsets = dict.fromkeys(range(PARTITIONS), 0)
    sessions = events // (DAYS * EVENTS_OF_A_SESSION)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_PICK)
        for day in range(DAYS):
            start = end - timedelta(days=DAYS - day)
            amounts = {"first": day * sessions, "sessions": sessions, "devices": devices, "day": day, "days": DAYS}
            sizes = {"per_session": EVENTS_OF_A_SESSION, "partitions": PARTITIONS}
            connection.execute(_EVENTS_OF_DAY, {**amounts, **sizes, "start": start.replace(tzinfo=None)})
            active_from = end - timedelta(hours=1) if day == DAYS - 1 else None
            for partition in next_offsets:
                paths = PartitionPaths(root, TOPIC, partition)
                next_offsets[partition] = _write(connection, paths, start, next_offsets[partition], active_from)


def _write(
    connection: duckdb.DuckDBPyConnection,
    paths: PartitionPaths,
    start: datetime,
    first_offset: int,
    active_from: datetime | None,
) -> int:
    """One day of one partition; returns the offset after it. What is from `active_from` on stays active."""
    date = f"{start:%Y-%m-%d}"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE part AS SELECT *, $first + row_number() OVER (ORDER BY created_on) - 1 "
        "AS _offset FROM day WHERE _partition = $partition",
        {"first": first_offset, "partition": paths.partition},
    )
    limit = (active_from or start + timedelta(days=DAYS)).replace(tzinfo=None)
    next_offset = first_offset + connection.execute("SELECT count(*) FROM part").fetchall()[0][0]
    closed = connection.execute("SELECT count(*) FROM part WHERE created_on < $limit", {"limit": limit}).fetchall()[0][
        0
    ]
    if closed:
        name = paths.closed_name(date, first_offset, first_offset + closed - 1)
        _copy(connection, paths.data / name, "created_on < $limit", limit)
    if active_from:
        _write_active(connection, paths, first_offset + closed, next_offset, active_from)
    return int(next_offset)


def _write_active(
    connection: duckdb.DuckDBPyConnection,
    paths: PartitionPaths,
    first_offset: int,
    next_offset: int,
    active_from: datetime,
) -> None:
    name = paths.active_name(first_offset, 1)
    _copy(connection, paths.state / name, "created_on >= $limit", active_from.replace(tzinfo=None))
    now = datetime.now(UTC)
    segment = ActiveSegment(
        name=name,
        first_offset=first_offset,
        committed_bytes=(paths.state / name).stat().st_size,
        date=f"{active_from:%Y-%m-%d}",
        opened_at=now,
        csv_version=CSV_VERSION,
    )
    file = CheckpointFile(paths.checkpoint)
    file.write(
        Checkpoint(sequence=1, epoch=1, next_offset=next_offset, active=segment, rows=next_offset, committed_at=now)
    )
    file.close()


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, condition: str, limit: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = f"SELECT {', '.join(COLUMNS)} FROM part WHERE {condition} ORDER BY _offset"
    connection.execute(f"COPY ({rows}) TO '{os.fspath(path)}' {_CSV}", {"limit": limit})
