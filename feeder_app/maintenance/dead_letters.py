"""Blanking what dead letters say of a person, in place: the checkpoint counts their bytes, so none may come or go."""

import os
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from brokerlytics.dead_letters import committed_lines, decode_letter
from brokerlytics.store import PartitionPaths
from feeder_app.errors import StoreDamagedError
from feeder_app.maintenance.person import Person

# The parts of a dead letter that come from the record.
_PARTS: Final = re.compile(rb'"(?:key|value)":"([A-Za-z0-9+/]*)')


def count_letters(paths: PartitionPaths, person: Person) -> int:
    """How many committed dead letters name the person. Raises CorruptCheckpointError, StoreDamagedError, OSError."""
    return sum(1 for _ in _letters_of(paths, person))


def blank_letters(paths: PartitionPaths, person: Person) -> int:
    """Overwrite key and value of those letters with zeros; returns how many. The rest of each line stays.

    Beside a feeder that appends: it never touches what is committed. A crash leaves lines that are whole, for a
    blank is as valid as what it covers. Raises CorruptCheckpointError, StoreDamagedError, OSError.
    """
    found = list(_letters_of(paths, person))
    if not found:
        return 0
    fd = os.open(paths.dead_letters, os.O_WRONLY)
    try:
        for position, line in found:
            os.pwrite(fd, _blank(line), position)
        os.fsync(fd)
    finally:
        os.close(fd)
    return len(found)


def _letters_of(paths: PartitionPaths, person: Person) -> Iterator[tuple[int, bytes]]:
    position = 0
    for line in committed_lines(paths):
        try:
            letter = decode_letter(line)
        except msgspec.MsgspecError as error:
            raise StoreDamagedError(f"{paths.dead_letters} at byte {position}: {error}. Restore it.") from error
        if any(person.is_named_in(part) for part in (letter.key, letter.value) if part):
            yield position, line
        position += len(line)


def _blank(line: bytes) -> bytes:
    """`A` is base64's zero; the padding stays, and so does the length of what it decodes to."""

    def zeros(match: re.Match[bytes]) -> bytes:
        return match[0].removesuffix(match[1]) + b"A" * len(match[1])

    return _PARTS.sub(zeros, line)
