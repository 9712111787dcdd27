"""A step: an event type and conditions on its properties, `EVENT_TYPE|COLUMN:OP:VALUE|…` in the query. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from brokerlytics.event import FIELDS
from dashboard_app.question.conditions import MAX_CONDITIONS, Condition, Where, parse_condition, where_all
from dashboard_app.question.errors import FilterError

_DIVIDER: Final = "|"
_LONGEST: Final = next(field.max_length for field in FIELDS if field.name == "event_type")


@dataclass(frozen=True, slots=True)
class Step:
    """The events of one type for which every condition holds."""

    event_type: str
    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        """As it stands in the query."""
        parts = (self.event_type, *(str(condition) for condition in self.conditions))
        return _DIVIDER.join(part.replace(_DIVIDER, f"\\{_DIVIDER}") for part in parts)

    def where(self, prefix: str) -> Where:
        """The step's rows of `events`; `prefix` begins the names of its parameters."""
        is_type = Where(f"event_type = ${prefix}_type", {f"{prefix}_type": self.event_type})
        return is_type & where_all(self.conditions, prefix)


def parse_step(text: str, parameter: str) -> Step:
    """Read a step. A divider that belongs to a value has a backslash before it. Raises FilterError on `parameter`."""
    event_type, *parts = (part.replace(f"\\{_DIVIDER}", _DIVIDER) for part in re.split(r"(?<!\\)\|", text))
    if not event_type or len(event_type) > _LONGEST:
        message = f"“{text}” begins with no event type. Write EVENT_TYPE, or EVENT_TYPE|COLUMN:OP:VALUE."
        raise FilterError(message, parameter, text)
    if len(parts) > MAX_CONDITIONS:
        raise FilterError(f"A step takes at most {MAX_CONDITIONS} conditions; this has {len(parts)}.", parameter, text)
    try:
        return Step(event_type, tuple(parse_condition(part, parameter) for part in parts))
    except FilterError as error:
        raise FilterError(str(error), parameter, text) from None
