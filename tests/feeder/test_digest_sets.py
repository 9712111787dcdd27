"""The memory of stored events, compiled and in Python: the same answers, and the same store."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.native.library import DIGEST_BYTES, Library
from feeder_app.digest_sets import DigestSet, NativeSet, PythonSet, digests_of
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import START, columns, paths, record, stored_rows

# Of few digests, those with nothing but zeros behind a first byte among them: they crowd at one end of the slots.
DIGESTS = st.integers(1, 60).map(lambda number: number.to_bytes(DIGEST_BYTES, "little" if number % 2 else "big"))
STEPS = st.lists(st.tuples(st.integers(0, 2), st.lists(DIGESTS, max_size=30)), max_size=20)


@settings(deadline=None)
@given(steps=STEPS)
def test_both_kinds_answer_as_a_plain_set_does(native: Library, steps: list[tuple[int, list[bytes]]]) -> None:
    kinds: list[Callable[[], DigestSet]] = [PythonSet, lambda: NativeSet(native)]
    for make in kinds:
        sets, model = [make() for _ in range(3)], [set[bytes]() for _ in range(3)]
        for chosen, digests in steps:
            others = [one for index, one in enumerate(sets) if index != chosen]
            expected = []
            for digest in digests:
                expected.append(not any(digest in one for one in model))
                model[chosen] |= {digest} if expected[-1] else set()
            assert sets[chosen].add_new(b"".join(digests), others) == bytes(expected)
        assert [len(one) for one in sets] == [len(one) for one in model]


@pytest.mark.parametrize("kind", ["native", "python"])
def test_a_set_grows_and_loses_nothing(native: Library, kind: str) -> None:
    one: DigestSet = NativeSet(native) if kind == "native" else PythonSet()
    digests = digests_of([b"%d" % number for number in range(50_000)])
    step = 7_000 * DIGEST_BYTES
    for start in range(0, len(digests), step):
        assert 0 not in one.add_new(digests[start : start + step], [])
    assert len(one) == 50_000
    assert 1 not in one.add_new(digests, [])


def test_digests_follow_from_the_text_alone() -> None:
    texts = [b"", b"\0", *(b"x" * length for length in range(1, 40)), "é".encode() * 400]
    digests = digests_of(texts)
    found = {digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES)}
    assert len(found) == len(texts)
    assert digests == b"".join(digests_of([text]) for text in texts)


def test_siphash_is_the_published_one(native: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the sixteenth of the reference's vectors: key 00 to 0f, texts of as many bytes that count up."""
    monkeypatch.setattr(native, "key", bytes(range(16)))
    assert digests_of([b""]).hex() == "a3817f04ba25a8e66df67214"
    assert digests_of([bytes(range(15))]).hex() == "5493e99933b0a8117e08ec0f"


def test_a_store_is_the_same_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []
    for name in ("with", "without"):
        if name == "without":
            monkeypatch.setattr("feeder_app.digest_sets.library", lambda: None)
            monkeypatch.setattr("brokerlytics.csv_rows.library", lambda: None)
        writer = open_partition(paths(tmp_path / name), FeederPolicy(), START)
        writer.append(columns([record(offset) for offset in range(40)]))
        again = record(31).value
        writer.append(
            columns([record(40, value=b"junk"), record(41, value=again), record(42, value=again), record(43)])
        )
        writer.commit(START)
        writer.close_segment(START)
        assert (writer.checkpoint.rows, writer.checkpoint.duplicates, writer.checkpoint.dead_letters) == (41, 2, 1)
        writer.release()
        assert len(stored_rows(tmp_path / name)) == 41
        contents += [path.read_bytes() for path in (tmp_path / name / "data").glob("*/*.csv")]
    assert len(contents) == 2
    assert contents[0] == contents[1]
