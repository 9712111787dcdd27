"""Which ids stand for a person, and when the person was first and last seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
    """The newest user id of a person and the newest device id, of which at least one is there; first and last event."""

    user_id: str | None
    device_id: str | None
    first_seen: datetime
    last_seen: datetime

    @property
    def label(self) -> str:
        """What the person is called."""
        return self.user_id or self.device_id or ""


def identities(connection: duckdb.DuckDBPyConnection, persons: Sequence[Any]) -> dict[Any, Identity]:
    """What there is of these persons in the whole of `events`. Raises duckdb.Error."""
    if not persons:
        return {}
    seen = {person: rest for person, *rest in connection.execute(_SEEN, {"persons": list(persons)}).fetchall()}
    # The last row of most has all that there is.
    found = _newest_ids(connection, persons, min(last_on for _, last_on, *_ in seen.values()))
    missing = [
        person
        for person, (_, _, has_user, has_device) in seen.items()
        if (has_user and not found[person][0]) or (has_device and not found[person][1])
    ]
    if missing:
        found |= _newest_ids(connection, missing, min(seen[person][0] for person in missing))
    return {
        person: Identity(*ids, *(seen_on.replace(tzinfo=UTC) for seen_on in seen[person][:2]))
        for person, ids in found.items()
    }


def _newest_ids(
    connection: duckdb.DuckDBPyConnection, persons: Sequence[Any], since: datetime
) -> dict[Any, tuple[str | None, str | None]]:
    rows = connection.execute(_NEWEST_IDS, {"persons": list(persons), "since": since}).fetchall()
    return {person: (user_id, device_id) for person, user_id, device_id in rows}
