"""Who is who, in SQL: which users aliases join, and who each device first identified as.

`before` is what was known of all days; `now` takes the days away that are `gone`, and adds the rows of `delta_row`.
Only those are looked at whose answer may have changed. docs/metrics.md has the definitions in prose.
"""

from typing import Final

import duckdb

_PLACE: Final = "struct_pack(created_on, _partition, _offset)"

_DELTA_LINK: Final = f"""
CREATE OR REPLACE TABLE delta_link AS
SELECT day, device_who, arg_min(user_who, place) AS user_who, min(place) AS place
FROM (
    SELECT day, device_who, user_who, {_PLACE} AS place FROM delta_row
    WHERE device_who IS NOT NULL AND user_who IS NOT NULL
    UNION ALL
    SELECT day, previous_device, user_who, place FROM delta_alias
) GROUP BY day, device_who"""  # noqa: S608
# Of the users that are the same person, the first by number stands for all.
_SAME_USER: Final = """
CREATE OR REPLACE TABLE {name} AS
WITH RECURSIVE alias AS ({alias}), edge AS (
    SELECT user_who, previous_user AS other FROM alias UNION SELECT previous_user, user_who FROM alias
), reached AS (
    SELECT user_who, other FROM edge
    UNION
    SELECT reached.user_who, edge.other FROM reached JOIN edge ON reached.other = edge.user_who
)
SELECT user_who, min(other) AS same_as FROM reached GROUP BY user_who"""
_SAME_BEFORE: Final = _SAME_USER.format(name="same_before", alias="SELECT user_who, previous_user FROM base_alias")
_SAME_NOW: Final = _SAME_USER.format(
    name="same_now",
    alias="SELECT user_who, previous_user FROM base_alias WHERE day NOT IN (SELECT day FROM gone) "
    "UNION ALL SELECT user_who, previous_user FROM delta_alias",
)
_SAME_AS_BEFORE: Final = "CREATE OR REPLACE TABLE same_before AS FROM same_now"
_ASKED_DEVICE: Final = """
CREATE OR REPLACE TABLE asked_device AS
SELECT device_who FROM delta_row WHERE device_who IS NOT NULL
UNION SELECT device_who FROM delta_link"""
_ASKED_OF_GONE: Final = """
INSERT INTO asked_device SELECT DISTINCT device_who FROM base_link
WHERE day IN (SELECT day FROM gone) AND device_who NOT IN (FROM asked_device)"""
_ASKED_OF_ALIASED: Final = """
INSERT INTO asked_device SELECT DISTINCT device_who FROM base_link WHERE user_who IN (
    SELECT user_who FROM same_before FULL JOIN same_now USING (user_who)
    WHERE same_before.same_as IS DISTINCT FROM same_now.same_as
) AND device_who NOT IN (FROM asked_device)"""
_DEVICE_USER: Final = """
CREATE OR REPLACE TABLE device_user AS
SELECT device_who, arg_min(user_who, place) FILTER (is_before) AS before,
       arg_min(user_who, place) FILTER (is_now) AS now
FROM (
    SELECT device_who, user_who, place, true AS is_before, day NOT IN (SELECT day FROM gone) AS is_now
    FROM base_link SEMI JOIN asked_device USING (device_who)
    UNION ALL
    SELECT device_who, user_who, place, false, true FROM delta_link
) GROUP BY device_who"""
_IDENTITY: Final = """
CREATE OR REPLACE TABLE identity AS
SELECT device_who AS who, coalesce(same_before.same_as, device_user.before, device_who) AS before,
       coalesce(same_now.same_as, device_user.now, device_who) AS now
FROM device_user
LEFT JOIN same_before ON device_user.before = same_before.user_who
LEFT JOIN same_now ON device_user.now = same_now.user_who
UNION ALL
SELECT user_who, coalesce(same_before.same_as, user_who), coalesce(same_now.same_as, user_who)
FROM same_before FULL JOIN same_now USING (user_who)"""


def identify(connection: duckdb.DuckDBPyConnection, *, gone: bool, more: bool) -> None:
    """Leave the table `identity`: for each `who` that was asked for and is somebody else, the person before and now.

    `gone` tells whether days are; with `more`, what was last found is what was known before. Raises duckdb.Error.
    """
    connection.execute(_DELTA_LINK)
    connection.execute(_ASKED_DEVICE)
    connection.execute(_SAME_AS_BEFORE if more else _SAME_BEFORE)
    # Joining users takes longer the more aliases there ever were, and most rows are none.
    if not more or connection.execute("SELECT 1 FROM delta_alias LIMIT 1").fetchall():
        connection.execute(_SAME_NOW)
        connection.execute(_ASKED_OF_ALIASED)
    if gone:
        connection.execute(_ASKED_OF_GONE)
    connection.execute(_DEVICE_USER)
    connection.execute(_IDENTITY)
