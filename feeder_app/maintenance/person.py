"""Whose rows are to be forgotten, and how they are found."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from brokerlytics.csv_format import COLUMNS
from brokerlytics.store import open_segment
from feeder_app.segment_rows import leading_cells

_DEVICE: Final = COLUMNS.index("device_id")
_USER: Final = COLUMNS.index("user_id")
_SOURCE: Final = COLUMNS.index("source")
_CHUNK_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class Person:
    """The ids of one person: a row that has one of them is theirs. With `source`, only rows of that source are.

    Neither its repr nor anything else here is to be logged.
    """

    user_ids: frozenset[str] = field(repr=False)
    device_ids: frozenset[str] = field(repr=False)
    source: str | None = None

    def owns(self, row: bytes) -> bool:
        """Whether a row of the store is theirs. Raises ValueError for what is no row."""
        if not any(mark in row for mark in self._marks):
            return False
        cells = leading_cells(row, _SOURCE + 1)
        if self.source is not None and cells[_SOURCE] != self.source.encode():
            return False
        return cells[_USER].decode() in self.user_ids or cells[_DEVICE].decode() in self.device_ids

    def may_own_rows_of(self, path: Path) -> bool:
        """False when the bytes of a closed segment tell that none is theirs. Raises as `open_segment` does."""
        longest = max(map(len, self._marks))
        rest = b""
        with open_segment(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                window = rest + chunk
                if any(mark in window for mark in self._marks):
                    return True
                rest = window[-longest:]
        return False

    def is_named_in(self, content: bytes) -> bool:
        """Whether bytes that are no event name them: an id stands there, not as a part of a longer word."""
        return self._word.search(content) is not None

    @cached_property
    def _ids(self) -> frozenset[str]:
        return self.user_ids | self.device_ids

    @cached_property
    def _marks(self) -> list[bytes]:
        """The ids as they stand in a CSV."""
        return [text.replace('"', '""').encode() for text in self._ids]

    @cached_property
    def _word(self) -> re.Pattern[bytes]:
        """The ids as they stand in JSON, in either way of writing it, and as they are."""
        spellings = {form for text in self._ids for form in (text, json.dumps(text)[1:-1], _json(text))}
        longest_first = sorted((re.escape(form.encode()) for form in spellings), key=len, reverse=True)
        return re.compile(rb"(?<!\w)(?:" + b"|".join(longest_first) + rb")(?!\w)")


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
