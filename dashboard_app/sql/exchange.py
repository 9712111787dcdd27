"""What goes between the web worker and the process that runs a query: JSON, one request and one answer."""

import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

ErrorCode = Literal["not_allowed", "failed", "too_much_memory", "too_slow", "too_large", "busy", "store"]
_DECIMAL: Final = re.compile(r"DECIMAL\(\d+,\s*\d+\)")
# Of a result as JSON.
MAX_BYTES: Final = 8 * 1024 * 1024


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One query, the store that it is about, and what it may take.

    `seconds` are whole ones of every processor, `memory` is in MiB, and `rows` are those of the result.
    `asker` is the process that wants the answer.
    """

    sql: str
    store: str
    topic: str
    scratch: str
    seconds: int
    memory: int
    rows: int
    asker: int


class Column(msgspec.Struct, frozen=True):
    """A column of the result; `type` is DuckDB's name for it."""

    name: str
    type: str

    @property
    def is_whole(self) -> bool:
        return self.type.endswith("INT") or self.type.endswith("INTEGER")

    @property
    def is_number(self) -> bool:
        return self.is_whole or self.type in ("FLOAT", "DOUBLE") or bool(_DECIMAL.fullmatch(self.type))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The result, or why there is none. `more` says that the result went on where `rows` ends.

    Values are as JSON has them: decimals and times are text.
    """

    columns: list[Column] = []
    rows: list[list[Any]] = []
    more: bool = False
    committed_at: datetime | None = None
    error: ErrorCode | None = None
    message: str = ""
