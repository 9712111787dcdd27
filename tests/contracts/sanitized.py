"""`python -m tests.contracts.sanitized LIBRARY SEED COUNT`: damaged events and bodies through a library.

The library watches its memory. Each event has buffers of its own, none a byte longer than it must be, so that a step
beyond is seen. Prints how many are plain.
"""

import sys
from array import array
from ctypes import addressof, create_string_buffer
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import cast

import numpy as np

from brokerlytics.native.attempts import NativeAttempts, Rules
from brokerlytics.native.division import Batch, DividedRows, Stored, choose_rows, divide_rows
from brokerlytics.native.groups import MOST_GROUPS, Coded, GroupMembers, Groups, Numbered, count_rows
from brokerlytics.native.intake import Defaults, EventEncoder
from brokerlytics.native.library import DIGEST_BYTES, Library
from brokerlytics.native.messages import MessageReader
from tests.analytics.client_events import NOW, usual_bodies
from tests.contracts.fake_kafka import FakeKafka, Sent
from tests.contracts.plain_events import damaged


def encode(native: Library, value: bytes, room: int) -> int:
    """Whether it is plain."""
    rows, digest = create_string_buffer(max(room, 1)), create_string_buffer(DIGEST_BYTES)
    lengths, offsets, ends = array("I", [len(value)]), array("q", [1 << 62]), array("Q", [0])
    return native.encode_rows(
        create_string_buffer(value, len(value)) if value else b"",
        lengths.buffer_info()[0],
        offsets.buffer_info()[0],
        1,
        9999,
        rows=addressof(rows),
        capacity=room,
        ends=ends.buffer_info()[0],
        digests=addressof(digest),
    )


def read_messages(native: Library, values: list[bytes]) -> int:
    """How many are plain; what is given back is gone at once."""
    sent = [Sent(number // 3, number, value, value[:5] or None) for number, value in enumerate([*values, b""])]
    kafka = FakeKafka(sent)
    reader = MessageReader(native, kafka.functions, None, 7)
    plain = 0
    while runs := reader.take(0):
        for run in runs:
            for number in range(len(run.offsets)):
                plain += run.rows.is_plain(number)
                assert run.rows.is_plain(number) or run.key_and_value(number)
    assert len(kafka.destroyed) == len(sent)
    return plain


def remember(native: Library, texts: list[bytes]) -> None:
    """Sets that are as full as they may be."""
    lengths, digests = array("I", map(len, texts)), create_string_buffer(DIGEST_BYTES * len(texts))
    joined = b"".join(texts)
    native.digest_texts(joined, lengths.buffer_info()[0], len(texts), addressof(digests))
    slots = len(set(texts)) + 1
    one, other = (create_string_buffer(DIGEST_BYTES * slots) for _ in range(2))
    sets = [(addressof(one), slots), (addressof(other), slots)]
    assert native.add_new(sets, digests.raw, len(texts))[0] == slots - 1
    native.copy_set(*sets)
    assert native.add_new(sets, digests.raw, len(texts))[0] == 0


def take_in(native: Library, body: bytes) -> int:
    """How many of its events are plain."""
    encoder = EventEncoder(native, of_properties=["userAgent"], of_context=["ip", "userAgent"])
    encoded = encoder.encode(
        cast("bytes", create_string_buffer(body, len(body))) if body else b"",
        body.count(b'"event_type"'),
        defaults=Defaults("web", (("os", "Android"),)),
        received_on=NOW,
        latest=NOW + timedelta(minutes=5),
    )
    return len(encoded.messages) if encoded else 0


def follow(native: Library, chance: Random) -> None:
    """Rows of few people in any order, many of one time, some without a place; some of people who are not there."""
    rules = Rules(chance.randint(2, 8), chance.randrange(20), chance.randrange(50), chance.random() < 0.5)
    parts = chance.randrange(3)
    follower = NativeAttempts(native, rules, 4, chance.randrange(1 << parts), parts)
    divided = []
    for size in [chance.randrange(40) for _ in range(chance.randrange(5))]:
        columns = ([chance.randrange(most) for _ in range(size)] for most in (50, 5, 256, 2, 9))
        types = (np.int64, np.int32, np.uint8, np.int32, np.int64)
        arrays = [np.array(column, type_) for column, type_ in zip(columns, types, strict=True)]
        batch = Batch(*arrays[: chance.choice((3, 5))])
        divided.append(divide_rows(native, batch, parts, in_order=False))
    divided.append(divide_rows(native, from_sequence(native, chance), parts, in_order=True))
    rows = DividedRows(native, divided)
    assert np.all(np.diff(rows.tied_moments(follower.part)) > 0)
    follower.follow(rows)
    assert np.all(follower.counted().level > 0)


def from_sequence(native: Library, chance: Random) -> Batch:
    """Rows of some hours, some of them of people who are not there."""
    sizes = [chance.randrange(9) for _ in range(chance.randrange(4))]
    times = [time for size in sizes for time in sorted(chance.randrange(50) for _ in range(size))]
    whos, kinds = ([chance.randrange(most) for _ in times] for most in (4, 3))
    type_, persons = chance.choice((np.uint8, np.uint16, np.uint32)), np.arange(4, dtype=np.int32)
    stored = Stored(
        *(np.array(times, np.uint32), np.array(whos, np.int32), np.array(kinds, type_)),
        *(np.arange(len(sizes), dtype=np.int64), np.cumsum(sizes, dtype=np.int64)),
    )
    steps = np.array([0, 1, 2], np.uint8)
    return choose_rows(native, stored, steps, persons, since=chance.randrange(50), until=chance.randrange(1 << 40))


def count(native: Library, chance: Random) -> None:
    """Rows of few numbers, some of which are beyond all that there are."""
    size, bound = chance.randrange(600), chance.choice((4, 4, 5))
    kinds, values, numbers = ([chance.randrange(most) for _ in range(size)] for most in (3, 2, bound))
    type_, by_value = chance.choice((np.uint8, np.uint16, np.uint32)), chance.random() < 0.5
    coded = Coded(np.array(kinds, type_), np.array(values, type_) if by_value else None)
    count_rows(native, coded, np.array([True, False, True]), np.zeros(2 if by_value else 3, np.uint64))
    of_kinds, of_values = np.array([0, 1, 1 << 15], np.uint16), np.array([1, 1 << 15], np.uint16)
    persons = np.array([0, 3, 2, 1], np.int32) if chance.random() < 0.5 else None
    rows = Numbered(coded, np.array(numbers, np.int32), Groups(of_kinds, of_values if by_value else None, persons))
    members, is_beyond = GroupMembers(native, np.full(4, 0xFFFF, np.uint16)), 4 in numbers
    try:
        members.count(rows, 1, np.zeros(MOST_GROUPS + 1, np.uint64))
    except ValueError:
        assert is_beyond
    else:
        assert not is_beyond


def main() -> None:
    native, seed, examples = Library(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    chance, plain = Random(seed), 0
    for body in damaged(seed, examples // 2, usual_bodies()):
        plain += take_in(native, body)
        plain += take_in(native, body[: chance.randrange(len(body) + 1)])
    for value in damaged(seed, examples):
        plain += encode(native, value, 2 * len(value) + 256)
        encode(native, value, chance.randrange(2 * len(value) + 256))
        cut = value[: chance.randrange(len(value) + 1)]
        encode(native, cut, 2 * len(cut) + 256)
        remember(native, [value, cut, value, cut[:9]])
        read_messages(native, [value, cut, value] * 3)
        follow(native, chance)
        count(native, chance)
    sys.stdout.write(f"{plain}\n")


if __name__ == "__main__":
    main()
