"""Which ids stand for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

_IDENTITIES: Final = """
SELECT person, arg_max(user_id, (created_on, _partition, _offset)),
       arg_max(device_id, (created_on, _partition, _offset))
FROM events WHERE person IN (SELECT unnest($persons)) GROUP BY person"""


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
    rows = connection.execute(_IDENTITIES, {"persons": list(persons)}).fetchall()
    return {person: Identity(user_id, device_id) for person, user_id, device_id in rows}
