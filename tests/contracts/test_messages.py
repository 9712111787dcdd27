"""Kafka's messages into rows in C: what the encoder makes of their values, and each message given back once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.csv_rows import RowEncoder
from brokerlytics.native.library import DIGEST_BYTES, Library
from brokerlytics.native.messages import MessageReader, Run
from tests.contracts.fake_kafka import FakeKafka, Sent
from tests.contracts.plain_events import GOOD, compact, damaged

END_OF_2099 = 4_102_444_799_999
EOF = -191
MOST = 50


def reader(native: Library, kafka: FakeKafka) -> MessageReader:
    return MessageReader(native, kafka.functions, None, MOST)


def event(number: int) -> bytes:
    return compact(GOOD | {"event_id": f"e{number}"})


def assert_run(run: Run, sent: list[Sent], encoder: RowEncoder) -> None:
    """The run says of these messages what they are; they are of one partition."""
    assert {one.partition for one in sent} == {run.partition}
    assert list(run.offsets) == [one.offset for one in sent]
    times = [min(max(one.timestamp or 0, 0), END_OF_2099) for one in sent]
    assert list(run.timestamps) == times
    assert (run.earliest, run.latest) == (min(times), max(times))
    expected = encoder.encode([one.value for one in sent], run.partition, run.offsets)
    assert run.rows.all_plain == expected.all_plain
    for number, one in enumerate(sent):
        assert bytes(run.rows.row(number)) == bytes(expected.row(number))
        digest = slice(number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES)
        if run.rows.is_plain(number):
            assert run.rows.digests[digest] == expected.digests[digest]
        else:
            assert run.key_and_value(number) == (one.key, one.value)


PARTS = st.none() | st.binary(max_size=9)
TIMES = st.none() | st.integers(-(2**63), 2**63 - 1)
VALUES = st.integers(0, 99).map(event) | PARTS | st.sampled_from([*damaged(1, 200)])
SENT = st.builds(
    Sent, st.integers(0, 2), st.integers(0, 2**63 - 1), VALUES, PARTS, TIMES, st.sampled_from([0, 0, 0, EOF])
)


@settings(deadline=None)
@given(sent=st.lists(SENT, max_size=2 * MOST))
def test_each_message_is_in_one_run_and_given_back_once(native: Library, sent: list[Sent]) -> None:
    kafka, encoder, taken = FakeKafka(sent), RowEncoder(native), 0
    reading = reader(native, kafka)
    while runs := reading.take(0):
        for run in runs:
            some = sent[taken : taken + len(run.offsets)]
            if run.error:
                (one,) = some
                text = None if one.value is None else one.value.decode(errors="replace")
                assert (run.partition, run.error) == (one.partition, (one.error, text))
            else:
                assert not any(one.error for one in some)
                assert_run(run, some, encoder)
            taken += len(run.offsets)
    assert taken == len(sent)
    assert sorted(kafka.destroyed) == list(range(len(sent)))


def test_what_is_plain_is_given_back_at_once_and_the_rest_with_the_next_call(native: Library) -> None:
    values = [event(0), b"junk", event(1), None, event(2)]
    kafka = FakeKafka([Sent(0, number, value) for number, value in enumerate(values * 20)])
    reading = reader(native, kafka)
    (run,) = reading.take(0)
    assert kafka.destroyed == [number for number in range(MOST) if number % 5 in {0, 2, 4}]
    assert run.key_and_value(1) == (None, b"junk")
    assert len(reading.take(0)[0].offsets) == MOST
    assert set(range(MOST)) <= set(kafka.destroyed)
    reading.close()
    reading.close()
    assert sorted(kafka.destroyed) == list(range(2 * MOST))


def test_partitions_take_turns_and_errors_stand_alone(native: Library) -> None:
    sent = [Sent(0, 7, event(0)), Sent(0, 9, event(1)), Sent(1, 3, event(2)), Sent(0, 10, b"junk")]
    sent += [Sent(0, 11, b"The end", error=EOF), Sent(0, 11, None, error=EOF), Sent(0, 11, event(3))]
    runs = reader(native, FakeKafka(sent)).take(0)
    assert [(run.partition, list(run.offsets)) for run in runs] == [
        *((0, [7, 9]), (1, [3]), (0, [10])),
        *((0, [11]), (0, [11]), (0, [11])),
    ]
    assert [run.error for run in runs] == [None, None, None, (EOF, "The end"), (EOF, None), None]


@pytest.mark.parametrize("size", [1, 100_000, 1_000_000])
def test_there_is_room_for_whatever_comes(native: Library, size: int) -> None:
    large = compact(GOOD | {"context": {"a": '"' * size}})
    sent = [Sent(0, number, large) for number in range(5)] + [Sent(0, 5, b"x" * size)]
    (run,) = reader(native, FakeKafka(sent)).take(0)
    assert_run(run, sent, RowEncoder(native))
    assert [run.rows.is_plain(number) for number in range(6)] == [True] * 5 + [False]
