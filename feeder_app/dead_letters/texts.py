"""Dead letters as text: one line of JSON each, one line for people each, or all there is about one."""

from typing import Any

import msgspec

from brokerlytics.timestamps import format_timestamp
from feeder_app.dead_letters.inbox import Item
from feeder_app.dead_letters.journal import LetterState


def summary(item: Item) -> dict[str, Any]:
    """What `list` says of a letter; nothing of its bytes."""
    letter = item.letter
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "time": format_timestamp(letter.time),
        "reason": letter.reason,
        "field": letter.field,
        "message": letter.message,
        "state": item.state,
    }


def json_line(item: Item) -> str:
    return msgspec.json.encode(summary(item)).decode()


def cells(item: Item) -> tuple[str, ...]:
    """Place, time, reason, field, message and state, each on one line whatever a record brought in."""
    letter = item.letter
    found = (letter.place, format_timestamp(letter.time), letter.reason, letter.field or "", letter.message, item.state)
    return tuple(_printable(cell) for cell in found)


def details(item: Item) -> str:
    """All there is about a letter, its bytes decoded as far as they go."""
    lines = [f"{name}: {'' if value is None else value}" for name, value in summary(item).items()]
    if item.entry:
        lines.append(f"state since: {format_timestamp(item.entry.at)}")
    if item.entry and item.state is LetterState.REQUEUED:
        lines.append(f"new offset: {item.entry.new_offset}")
    letter = item.letter
    lines += [f"key: {_decoded(letter.key)}", f"value ({len(letter.value or b''):,} bytes): {_decoded(letter.value)}"]
    return "\n".join(lines)


def _decoded(part: bytes | None) -> str:
    if part is None:
        return "none"
    text = part.decode(errors="backslashreplace")
    return "".join(x if x.isprintable() or x in "\n\t" else repr(x)[1:-1] for x in text)


def _printable(text: str) -> str:
    return "".join(x if x.isprintable() else repr(x)[1:-1] for x in text)
