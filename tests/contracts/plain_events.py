"""Events for the tests of the compiled encoder: good ones, those of the simulator, and damaged ones."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.simulation.worlds import NAMES, options, sent

NOW = datetime(2026, 8, 22, 9, 30, 12, 345_000, tzinfo=UTC)
TIME = "2026-08-22T09:30:12.345Z"
GOOD: dict[str, Any] = {
    "v": 1,
    "event_id": "e",
    "kind": "track",
    "event_type": "VIEW",
    "device_id": "d",
    "created_on": TIME,
    "original_created_on": TIME,
    "received_on": TIME,
    "source": "shop",
    "properties": {"n": 1, "text": 'a,"b"\r\nc'},
}
# What is put into a good event, or in the place of some of it.
_SCRAPS = [
    *(b'"', b"\\", b"\\u0000", b"\\n", b"\\ud800", b"\0", b"\x1f", b"\x7f", b",", b":", b"{", b"}", b"[", b"]", b" "),
    *(
        b"\xff",
        b"\x80",
        b"\xc0\x80",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xef\xbf\xbf",
        b"\xf0\x9f\x98\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(b"0", b"-0", b"1e5", b"0.10", b"0.1", b"1.0", b"-1.25", b"1" * 19, b"0.00001", b"123456789012345.5", b"9" * 12),
    *(
        b"null",
        b"true",
        b"{}",
        b"[]",
        b'"a":1',
        b'"revenue":5.5,',
        b'"currency":"eur",',
        b'"v":1,',
        b'"kind":"identify",',
    ),
    *(
        b'{"a":1,"a":2}',
        b'{"revenue":1}',
        b"[" * 40,
        b'{"a":' * 40,
        b'"x":"' + b"y" * 300 + b'",',
        b"2023-02-29T",
        b"24:00",
    ),
]


def compact(fields: dict[str, Any]) -> bytes:
    """As our producer writes it."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def simulated() -> list[bytes]:
    """Events of each scenario of the simulator, as they are on the topic."""
    return [value for name in NAMES for value in sent(options(name))[0][:200]]


def damaged(seed: int, count: int, good: Sequence[bytes] = ()) -> Iterator[bytes]:
    """Good events, or what else is `good`, with some bytes taken out, put in, moved or doubled.

    They are the same for the same seed.
    """
    chance = Random(seed)
    good = good or [
        *simulated(),
        compact(GOOD),
        compact(GOOD | {"revenue": 9.9, "currency": "eur", "page_title": 'é"\n,'}),
    ]
    for _ in range(count):
        value = chance.choice(good)
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            start = chance.randrange(len(value) + 1)
            stop = min(len(value), start + chance.choice([0, 0, 1, 1, 2, 8, 40]))
            scrap = chance.choice([b"", value[start:stop] * 2, value[-start:][:20], *chance.choices(_SCRAPS, k=6)])
            value = value[:start] + scrap + value[stop:]
        yield value
