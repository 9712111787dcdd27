"""From a file's columns to the fields of the event contract."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_app.importing.errors import ImportFileError
from analytics_app.importing.values import text_to_number, text_to_object, time_value
from brokerlytics.event import EVENT_VERSION, FIELDS, InvalidEventError, Reason

_TYPES: Final = {field.name: field.type for field in FIELDS}
# --source says the source.
_TARGETS: Final = tuple(name for name in _TYPES if name != "source")
_OBJECTS: Final = ("properties", "context")
# Our own export's place of a row on the topic.
_IGNORED: Final = {"_partition", "_offset"}
_PLAIN_TYPES: Final = ("id", "text", "kind", "currency")
_REQUIRED: Final = (("event_type",), ("device_id", "user_id"), ("created_on", "original_created_on"))

# What becomes members of `properties` and of `context`.
Inner = dict[str, dict[str, Any]]


def parse_map(texts: Iterable[str]) -> dict[str, str]:
    """The field → column pairs of `--map created_on=timestamp,properties.plan=plan`, of all such options.

    Raises ImportFileError for a field that the contract lacks, one that is said twice, and what is no pair.
    """
    found: dict[str, str] = {}
    for pair in (part.strip() for text in texts for part in text.split(",")):
        field, _, column = (part.strip() for part in pair.partition("="))
        if not field or not column:
            raise ImportFileError(f"--map {pair!r} is no pair such as created_on=timestamp (field=column).")
        if field not in _TARGETS and not _is_member(field):
            names = ", ".join(_TARGETS)
            raise ImportFileError(f"--map {field}: no such field. There are {names}, properties.NAME and context.NAME.")
        if field in found:
            raise ImportFileError(f"--map {field} is given twice.")
        found[field] = column
    return found


class RowMapping:
    """Makes the fields of an event of a row.

    Columns that are mapped go where the map says; others that have a field's name go there; all the
    rest goes to `properties`, but an address `ip` goes to `context`, as in SDKs. A `source` in the
    file that is not `source` is kept in `context`.
    """

    def __init__(self, columns: Mapping[str, str], *, source: str, text: bool) -> None:
        """`columns`: as from parse_map. `text`: every value is a text, as in CSV."""
        self._by_column: dict[str, list[str]] = {}
        for field, column in columns.items():
            self._by_column.setdefault(column, []).append(field)
        self._own = set(_TYPES) - set(columns)
        self._paths = [] if text else [column for column in self._by_column if "." in column]
        self._id_column = columns.get("event_id", "event_id")
        self._source = source
        self._text = text
        # Columns that are one field as they stand: most cells, and so the short way.
        self._plain = {name: name for name in self._own if _TYPES[name] in _PLAIN_TYPES} | {
            column: targets[0]
            for column, targets in self._by_column.items()
            if len(targets) == 1 and _TYPES.get(targets[0]) in _PLAIN_TYPES
        }
        # Mapped columns that no row had so far.
        self.missing = set(self._by_column)

    def check_header(self, header: Iterable[str]) -> None:
        """Raises ImportFileError when a mapped column is not there, or nothing gives a required field."""
        names = list(header)
        there = f"The file's columns are {', '.join(names)}."
        if unknown := [column for column in self._by_column if column not in names]:
            raise ImportFileError(f"The file has no column {', '.join(unknown)}. {there}")
        given = self._own.intersection(names) | {field for fields in self._by_column.values() for field in fields}
        for fields in _REQUIRED:
            if not given.intersection(fields):
                wanted = f"Say which: --map {fields[0]}=COLUMN."
                raise ImportFileError(f"No column gives {' or '.join(fields)}. {wanted} {there}")

    def has_id(self, row: Mapping[str, Any]) -> bool:
        """Whether the row says its event's id."""
        return self._find(row, self._id_column) not in (None, "")

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The event's fields for `build_event`. Raises InvalidEventError."""
        fields: dict[str, Any] = {}
        inner: Inner = {"properties": {}, "context": {}}
        if self.missing:
            self.missing -= row.keys()
        for column, value in row.items():
            if field := self._plain.get(column):
                fields[field] = value
            else:
                self._put_column(column, value, fields, inner)
        for path in self._paths:
            if path not in row and (value := self._find(row, path)) is not None:
                self.missing.discard(path)
                self._put_mapped(self._by_column[path], value, fields, inner)
        self._keep_source(fields, inner["context"])
        for name in _OBJECTS:
            _merge(name, fields, inner[name])
        _check_time(fields)
        return fields

    def _put_column(self, column: str, value: Any, fields: dict[str, Any], inner: Inner) -> None:
        if targets := self._by_column.get(column):
            self._put_mapped(targets, value, fields, inner)
        elif column in self._own:
            self._put(column, value, fields)
        elif not _is_ours(column, value):
            inner["context" if column == "ip" else "properties"][column] = value

    def _put_mapped(self, targets: list[str], value: Any, fields: dict[str, Any], inner: Inner) -> None:
        for target in targets:
            holder, _, name = target.partition(".")
            if name:
                inner[holder][name] = value
            else:
                self._put(target, value, fields)

    def _put(self, field: str, value: Any, fields: dict[str, Any]) -> None:
        match _TYPES[field]:
            case "time":
                value = time_value(value)
            case "number" if self._text:
                value = text_to_number(field, value)
            case "object" if self._text:
                value = text_to_object(field, value)
        fields[field] = value

    def _find(self, row: Mapping[str, Any], column: str) -> Any:
        """The value of a column; `user.id` is also the `id` in the object `user`."""
        if column in row or column not in self._paths:
            return row.get(column)
        value: Any = row
        for part in column.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def _keep_source(self, fields: dict[str, Any], context: dict[str, Any]) -> None:
        told = fields.pop("source", None)
        if told not in (None, "", self._source):
            context["source"] = told
        fields["source"] = self._source


def _merge(name: str, fields: dict[str, Any], inner: dict[str, Any]) -> None:
    """A column of its own wins over a member of the same name."""
    whole = fields.get(name)
    if inner and (whole in (None, "") or isinstance(whole, dict)):
        fields[name] = {**(whole or {}), **inner}


def _is_ours(column: str, value: Any) -> bool:
    """Whether it is what our export and our topic say beside the event."""
    return column in _IGNORED or (column == "v" and value == EVENT_VERSION)


def _check_time(fields: Mapping[str, Any]) -> None:
    if not fields.get("created_on") and not fields.get("original_created_on"):
        message = "created_on is required: without a time, history would count as of now."
        raise InvalidEventError(Reason.MISSING_FIELD, message, "created_on")


def _is_member(field: str) -> bool:
    holder, _, name = field.partition(".")
    return holder in _OBJECTS and bool(name)
