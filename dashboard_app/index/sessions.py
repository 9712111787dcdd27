"""Sessions, in SQL: put together from spans, and only for the people whose rows or identity changed.

A span is a stretch of rows of one day and one device (or user) that is a part of one session however devices and
users turn out to belong together: those with the same `session_id`, or those without one between which there is no
long silence. A person's sessions are unions of spans: silence that lies between the rows of all spans lies between the
rows of each. A session's number is that of its first span, the lowest.
"""

from typing import Final

import duckdb

SILENCE_MINUTES: Final = 30

# The number of a span is that of the row that begins it. `begin` is null where a row goes on with a span.
_DELTA_KEY: Final = f"""
CREATE OR REPLACE TABLE delta_key AS
WITH silent AS (
    SELECT * EXCLUDE (user_who, device_who),
           CASE WHEN created_on - lag(created_on) OVER by_time <= INTERVAL {SILENCE_MINUTES} MINUTE THEN NULL
                ELSE number END AS begin
    FROM delta_row WHERE session_id IS NULL WINDOW by_time AS (PARTITION BY day, who ORDER BY created_on, number)
), numbered AS (
    SELECT * EXCLUDE (begin), last_value(begin IGNORE NULLS) OVER (
               PARTITION BY day, who ORDER BY created_on, number ROWS UNBOUNDED PRECEDING) AS first_row
    FROM silent
    UNION ALL
    SELECT * EXCLUDE (user_who, device_who), min(number) OVER (PARTITION BY day, who, session_id)
    FROM delta_row WHERE session_id IS NOT NULL
)
SELECT * EXCLUDE (number, first_row), first_row + (SELECT last_span FROM known) AS span FROM numbered"""  # noqa: S608
_DELTA_SPAN: Final = """
CREATE OR REPLACE TABLE delta_span AS
SELECT any_value(day) AS day, span, any_value(who) AS who, any_value(session_id) AS session_id,
       min(created_on) AS first_on, max(created_on) AS last_on
FROM delta_key GROUP BY span"""
_TOUCHED_PERSON: Final = """
CREATE OR REPLACE TABLE touched_person AS
SELECT coalesce(identity.now, who) AS person FROM delta_span LEFT JOIN identity USING (who)
UNION SELECT before FROM identity WHERE before <> now
UNION SELECT now FROM identity WHERE before <> now"""
_TOUCHED_BY_GONE: Final = """
INSERT INTO touched_person SELECT DISTINCT person FROM base_span
WHERE day IN (SELECT day FROM gone) AND person NOT IN (FROM touched_person)"""
_IN_PLAY: Final = """
CREATE OR REPLACE TABLE in_play AS
SELECT day, span, who, session_id, first_on, last_on, coalesce(identity.now, base_span.person) AS person,
       base_span.person AS person_before, base_span.session AS session_before, FALSE AS is_new
FROM base_span SEMI JOIN touched_person USING (person) LEFT JOIN identity USING (who) {not_gone}
UNION ALL
SELECT day, span, who, session_id, first_on, last_on, coalesce(identity.now, who), NULL, NULL, TRUE
FROM delta_span LEFT JOIN identity USING (who)"""
_RESOLVED: Final = f"""
CREATE OR REPLACE TABLE resolved AS
WITH silent AS (
    SELECT *, max(last_on) OVER (PARTITION BY person ORDER BY first_on, span
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
    FROM in_play WHERE session_id IS NULL
), numbered AS (
    SELECT *, count(*) FILTER (first_on - until > INTERVAL {SILENCE_MINUTES} MINUTE)
              OVER (PARTITION BY person ORDER BY first_on, span ROWS UNBOUNDED PRECEDING) AS silence
    FROM silent
)
SELECT * EXCLUDE (until, silence), min(span) OVER (PARTITION BY person, silence) AS session FROM numbered
UNION ALL
SELECT *, min(span) OVER (PARTITION BY person, session_id) FROM in_play WHERE session_id IS NOT NULL"""  # noqa: S608
# What was known of a span and is no longer so.
_DELTA_MOVED: Final = """
CREATE OR REPLACE TABLE delta_moved AS
SELECT day, span, person, session FROM resolved
WHERE NOT is_new AND (person <> person_before OR session <> session_before)"""


def divide(connection: duckdb.DuckDBPyConnection, *, gone: bool) -> None:
    """Divide rows into spans and put the spans together to sessions; `gone` tells whether days are.

    Leaves `delta_key`, the span of each row of `delta_row`; `resolved`, the spans with person and session; and
    `delta_moved`. Raises duckdb.Error.
    """
    for statement in (_DELTA_KEY, _DELTA_SPAN, _TOUCHED_PERSON):
        connection.execute(statement)
    if gone:
        connection.execute(_TOUCHED_BY_GONE)
    connection.execute(_IN_PLAY.format(not_gone="WHERE day NOT IN (SELECT day FROM gone)" if gone else ""))
    connection.execute(_RESOLVED)
    connection.execute(_DELTA_MOVED)
