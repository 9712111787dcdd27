"""Which ids stand for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

_SEEN: Final = """
SELECT person, min(first_on), max(last_on), bool_or(has_user), bool_or(has_device) FROM spans
WHERE person IN (SELECT unnest($persons)) GROUP BY person"""
_NEWEST_IDS: Final = """
SELECT person, arg_max(user_id, (created_on, _partition, _offset)),
       arg_max(device_id, (created_on, _partition, _offset))
FROM events WHERE created_on >= $since AND person IN (SELECT unnest($persons)) GROUP BY person"""


@dataclass(frozen=True, slots=True)
class Identity:
    """The newest user id of a person and the newest device id; at least one of them is there."""

    user_id: str | None
    device_id: str | None

    @property
    def label(self) -> str:
        """What the person is called."""
        return self.user_id or self.device_id or ""


def identities(connection: duckdb.DuckDBPyConnection, persons: Sequence[Any]) -> dict[Any, Identity]:
    """The ids of these persons, from the whole of `events`. Raises duckdb.Error."""
    if not persons:
        return {}
    seen = {person: rest for person, *rest in connection.execute(_SEEN, {"persons": list(persons)}).fetchall()}
    # The last row of most has all that there is.
    found = _newest_ids(connection, persons, min(last_on for _, last_on, *_ in seen.values()))
    missing = [
        person
        for person, (_, _, has_user, has_device) in seen.items()
        if (has_user and not found[person].user_id) or (has_device and not found[person].device_id)
    ]
    if missing:
        found |= _newest_ids(connection, missing, min(seen[person][0] for person in missing))
    return found


def _newest_ids(connection: duckdb.DuckDBPyConnection, persons: Sequence[Any], since: datetime) -> dict[Any, Identity]:
    rows = connection.execute(_NEWEST_IDS, {"persons": list(persons), "since": since}).fetchall()
    return {person: Identity(user_id, device_id) for person, user_id, device_id in rows}
