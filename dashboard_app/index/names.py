"""The numbers of users and devices, in SQL: what is joined and sorted by the million are numbers, not texts.

Users and devices share one series. A row's `who` is the number of its user, without one that of its device, and a
person is the number of the one `who` that stands for it. Texts are looked up once, when a row is new.
"""

from typing import Final

import duckdb

_PLACE: Final = "struct_pack(created_on, _partition, _offset)"

_ALIAS_TEXT: Final = f"""
CREATE OR REPLACE TABLE alias_text AS
SELECT * FROM (
    SELECT day, user_id, coalesce(nullif(properties ->> '$.previous_id', ''), nullif(context ->> '$.previous_id', ''))
           AS previous_id, {_PLACE} AS place
    FROM delta WHERE kind = 'alias' AND user_id IS NOT NULL
) WHERE previous_id IS NOT NULL"""  # noqa: S608
# A previous_id may be the id of a user, and that of a device.
_DELTA_NAME: Final = """
CREATE OR REPLACE TABLE delta_name AS
WITH asked AS (
    SELECT TRUE AS is_user, user_id AS id FROM delta WHERE user_id IS NOT NULL
    UNION SELECT FALSE, device_id FROM delta WHERE device_id IS NOT NULL
    UNION SELECT TRUE, previous_id FROM alias_text
    UNION SELECT FALSE, previous_id FROM alias_text
)
SELECT coalesce(who, (SELECT last_who FROM known) + row_number() OVER (PARTITION BY who IS NULL))::INTEGER AS who,
       is_user, id, who IS NULL AS is_new
FROM asked LEFT JOIN base_name USING (is_user, id)"""
_DELTA_ROW: Final = """
CREATE OR REPLACE TABLE delta_row AS
SELECT row_number() OVER () AS number, day, coalesce(named_user.who, named_device.who) AS who,
       named_user.who AS user_who, named_device.who AS device_who, session_id, created_on, _partition, _offset
FROM delta
LEFT JOIN delta_name AS named_user ON named_user.is_user AND named_user.id = delta.user_id
LEFT JOIN delta_name AS named_device ON NOT named_device.is_user AND named_device.id = delta.device_id"""
_DELTA_ALIAS: Final = """
CREATE OR REPLACE TABLE delta_alias AS
SELECT day, named.who AS user_who, previous_user.who AS previous_user, previous_device.who AS previous_device, place
FROM alias_text
JOIN delta_name AS named ON named.is_user AND named.id = user_id
JOIN delta_name AS previous_user ON previous_user.is_user AND previous_user.id = previous_id
JOIN delta_name AS previous_device ON NOT previous_device.is_user AND previous_device.id = previous_id"""


def number(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every device and user of `delta` a number, and every row.

    Leaves `delta_name`, and by numbers `delta_alias` and `delta_row`. Raises duckdb.Error.
    """
    for statement in (_ALIAS_TEXT, _DELTA_NAME, _DELTA_ROW, _DELTA_ALIAS):
        connection.execute(statement)
