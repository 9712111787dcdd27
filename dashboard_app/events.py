"""The relation `events`: every committed row, with the person whose it is and the session that it belongs to.

docs/metrics.md has the definitions of both in prose.
"""

from typing import Final

import duckdb

from brokerlytics.csv_format import COLUMNS

SILENCE_MINUTES: Final = 30

# The ids that alias events declare to be one and the same person's.
_ALIAS: Final = """
CREATE TEMP VIEW alias AS
SELECT * FROM (
    SELECT user_id, coalesce(nullif(properties ->> '$.previous_id', ''), nullif(context ->> '$.previous_id', ''))
           AS previous_id, created_on, _partition, _offset
    FROM committed WHERE kind = 'alias' AND user_id IS NOT NULL
) WHERE previous_id IS NOT NULL"""
# Of the users that are the same person, the first by name stands for all.
_SAME_USER: Final = """
CREATE TEMP VIEW same_user AS
WITH RECURSIVE edge AS (
    SELECT user_id, previous_id AS other FROM alias UNION SELECT previous_id, user_id FROM alias
), reached AS (
    SELECT user_id, other FROM edge
    UNION
    SELECT reached.user_id, edge.other FROM reached JOIN edge ON reached.other = edge.user_id
)
SELECT user_id, min(other) AS same_as FROM reached GROUP BY user_id"""
# Who a device first identified as. A previous_id may be the id of a device.
_DEVICE_USER: Final = """
CREATE TEMP VIEW device_user AS
SELECT device_id, arg_min(user_id, (created_on, _partition, _offset)) AS user_id
FROM (
    SELECT device_id, user_id, created_on, _partition, _offset FROM committed
    WHERE device_id IS NOT NULL AND user_id IS NOT NULL
    UNION ALL
    SELECT previous_id, user_id, created_on, _partition, _offset FROM alias
) GROUP BY device_id"""
_PERSON_ROWS: Final = """
CREATE TEMP VIEW person_row AS
SELECT committed.*, CASE WHEN coalesce(committed.user_id, device_user.user_id) IS NOT NULL
    THEN 'user ' || coalesce(same_user.same_as, committed.user_id, device_user.user_id)
    ELSE 'device ' || committed.device_id END AS person
FROM committed
LEFT JOIN device_user ON committed.user_id IS NULL AND committed.device_id = device_user.device_id
LEFT JOIN same_user ON coalesce(committed.user_id, device_user.user_id) = same_user.user_id"""
# `quiet` says that more than the allowed silence lies before the row; the sum of them numbers the person's sessions.
_EVENTS: Final = f"""
CREATE TEMP VIEW events AS
SELECT {", ".join(COLUMNS)}, person,
       CASE WHEN session_id IS NULL
           THEN 'silence ' || (sum(quiet) OVER (PARTITION BY person, session_id IS NULL
                               ORDER BY created_on, _partition, _offset)) || ' ' || person
           ELSE 'client ' || length(person) || ' ' || person || ' ' || session_id END AS session
FROM (
    SELECT *, coalesce(CAST(created_on - lag(created_on) OVER (PARTITION BY person, session_id IS NULL
        ORDER BY created_on, _partition, _offset) > INTERVAL {SILENCE_MINUTES} MINUTE AS INTEGER), 0) AS quiet
    FROM person_row
)"""  # noqa: S608


def create_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `events` over the relation `committed` of this connection, which has the columns of the CSV.

    It adds to them `person` and `session`, both VARCHAR and never null: keys that are only to be compared.
    Raises duckdb.Error.
    """
    for statement in (_ALIAS, _SAME_USER, _DEVICE_USER, _PERSON_ROWS, _EVENTS):
        connection.execute(statement)
