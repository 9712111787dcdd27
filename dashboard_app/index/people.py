"""Who is who, in SQL: which users aliases join, and who each device first identified as.

`before` is what the index says of all its days; `now` takes the days away that are `gone`, and adds the rows of
`delta`. Only those are looked at whose answer may have changed. docs/metrics.md has the definitions in prose.
"""

from typing import Final

_PLACE: Final = "struct_pack(created_on, _partition, _offset)"
# Whose row it is before anything is known of devices and aliases.
WHO: Final = "coalesce('user ' || user_id, 'device ' || device_id)"

_DELTA_ALIAS: Final = f"""
CREATE OR REPLACE TABLE delta_alias AS
SELECT * FROM (
    SELECT day, user_id, coalesce(nullif(properties ->> '$.previous_id', ''), nullif(context ->> '$.previous_id', ''))
           AS previous_id, {_PLACE} AS place
    FROM delta WHERE kind = 'alias' AND user_id IS NOT NULL
) WHERE previous_id IS NOT NULL"""  # noqa: S608
# A previous_id may be the id of a device.
_DELTA_LINK: Final = f"""
CREATE OR REPLACE TABLE delta_link AS
SELECT day, device_id, arg_min(user_id, place) AS user_id, min(place) AS place
FROM (
    SELECT day, device_id, user_id, {_PLACE} AS place FROM delta WHERE device_id IS NOT NULL AND user_id IS NOT NULL
    UNION ALL
    SELECT day, previous_id, user_id, place FROM delta_alias
) GROUP BY day, device_id"""  # noqa: S608
# Of the users that are the same person, the first by name stands for all.
_SAME_USER: Final = """
CREATE OR REPLACE TABLE {name} AS
WITH RECURSIVE alias AS ({alias}), edge AS (
    SELECT user_id, previous_id AS other FROM alias UNION SELECT previous_id, user_id FROM alias
), reached AS (
    SELECT user_id, other FROM edge
    UNION
    SELECT reached.user_id, edge.other FROM reached JOIN edge ON reached.other = edge.user_id
)
SELECT user_id, min(other) AS same_as FROM reached GROUP BY user_id"""
_SAME_BEFORE: Final = _SAME_USER.format(name="same_before", alias="SELECT user_id, previous_id FROM base_alias")
_SAME_NOW: Final = _SAME_USER.format(
    name="same_now",
    alias="SELECT user_id, previous_id FROM base_alias WHERE day NOT IN (SELECT day FROM gone) "
    "UNION ALL SELECT user_id, previous_id FROM delta_alias",
)
_ASKED_DEVICE: Final = """
CREATE OR REPLACE TABLE asked_device AS
SELECT device_id FROM delta WHERE device_id IS NOT NULL
UNION SELECT device_id FROM delta_link
UNION SELECT device_id FROM base_link WHERE day IN (SELECT day FROM gone)
UNION SELECT device_id FROM base_link WHERE user_id IN (
    SELECT user_id FROM same_before FULL JOIN same_now USING (user_id)
    WHERE same_before.same_as IS DISTINCT FROM same_now.same_as)"""
_DEVICE_USER: Final = """
CREATE OR REPLACE TABLE device_user AS
SELECT device_id, arg_min(user_id, place) FILTER (is_before) AS before, arg_min(user_id, place) FILTER (is_now) AS now
FROM (
    SELECT device_id, user_id, place, true AS is_before, day NOT IN (SELECT day FROM gone) AS is_now
    FROM base_link SEMI JOIN asked_device USING (device_id)
    UNION ALL
    SELECT device_id, user_id, place, false, true FROM delta_link
) GROUP BY device_id"""
_IDENTITY: Final = """
CREATE OR REPLACE TABLE identity AS
SELECT 'device ' || device_id AS who,
       coalesce('user ' || coalesce(same_before.same_as, device_user.before), 'device ' || device_id) AS before,
       coalesce('user ' || coalesce(same_now.same_as, device_user.now), 'device ' || device_id) AS now
FROM device_user
LEFT JOIN same_before ON device_user.before = same_before.user_id
LEFT JOIN same_now ON device_user.now = same_now.user_id
UNION ALL
SELECT 'user ' || user_id, 'user ' || coalesce(same_before.same_as, user_id),
       'user ' || coalesce(same_now.same_as, user_id)
FROM same_before FULL JOIN same_now USING (user_id)"""

# They leave the table `identity`: for each `who` that was asked for and is somebody else, the person before and now.
STATEMENTS: Final = (_DELTA_ALIAS, _DELTA_LINK, _SAME_BEFORE, _SAME_NOW, _ASKED_DEVICE, _DEVICE_USER, _IDENTITY)
