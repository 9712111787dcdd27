"""Persons and sessions as docs/metrics.md defines them, computed row by row in plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from brokerlytics.event import Event

SILENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Row:
    """A stored event and where it is stored."""

    event: Event
    partition: int
    offset: int

    @property
    def order(self) -> tuple[datetime, int, int]:
        return self.event.created_on, self.partition, self.offset


def persons(rows: Sequence[Row]) -> list[str]:
    """The person of each row, in their order."""
    aliases = [(row, previous) for row in rows if (previous := _previous_id(row.event))]
    same = _same_users([(row.event.user_id or "", previous) for row, previous in aliases])
    identified = [(row.order, row.event.device_id, row.event.user_id) for row in rows]
    identified += [(row.order, previous, row.event.user_id) for row, previous in aliases]
    first: dict[str, str] = {}
    for _, device, user in sorted(identified, key=lambda one: one[0]):
        if device and user:
            first.setdefault(device, user)

    def person(event: Event) -> str:
        user = event.user_id or first.get(event.device_id or "")
        return f"user {same.get(user, user)}" if user else f"device {event.device_id}"

    return [person(row.event) for row in rows]


def sessions(rows: Sequence[Row]) -> list[object]:
    """The session of each row: equal for two rows exactly when they belong to the same session."""
    found: dict[int, object] = {}
    last: dict[str, tuple[datetime, int]] = {}
    people = persons(rows)
    for place in sorted(range(len(rows)), key=lambda place: rows[place].order):
        event, person = rows[place].event, people[place]
        if event.session_id:
            found[place] = (person, "client", event.session_id)
            continue
        before, number = last.get(person, (event.created_on, 0))
        number += event.created_on - before > SILENCE
        last[person] = event.created_on, number
        found[place] = (person, "silence", number)
    return [found[place] for place in range(len(rows))]


def _previous_id(event: Event) -> str | None:
    if event.kind != "alias" or not event.user_id:
        return None
    return event.properties.get("previous_id") or event.context.get("previous_id") or None


def _same_users(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """For each user of an alias the first by name of all that are the same person."""
    groups: list[set[str]] = []
    for pair in pairs:
        joined = {*pair}.union(*(group for group in groups if group & {*pair}))
        groups = [group for group in groups if not group & joined] + [joined]
    return {user: min(group) for group in groups for user in group}
