import gc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brokerlytics.csv_format import HEADER, encode_row
from dashboard_app.reading import scratch_database
from dashboard_app.reading.committed import CommittedStore, UnreadableStoreError
from dashboard_app.reading.scratch import ScratchDirectory
from tests.dashboard.store_builder import COMMITTED_AT, TOPIC, Partition, make_event

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def committed(store: Path, scratch: ScratchDirectory) -> CommittedStore:
    return CommittedStore(store, TOPIC, scratch)


def offsets(committed: CommittedStore) -> list[tuple[int, int]]:
    """The rows that DuckDB finds, as (partition, offset)."""
    with committed.look() as look, committed.rows(look) as connection:
        return connection.execute("SELECT _partition, _offset FROM events ORDER BY ALL").fetchall()


def test_what_ends_with_the_process_waits_for_no_disk(scratch: ScratchDirectory) -> None:
    with scratch_database.connect(scratch, "some.duckdb", "100MiB") as connection:
        assert connection.execute("SELECT current_setting('fsync_mode')").fetchall() == [("NONE",)]


def test_a_store_that_does_not_exist_has_no_rows(committed: CommittedStore) -> None:
    assert offsets(committed) == []


def test_closed_segments_and_tails_are_read_together(store: Path, committed: CommittedStore) -> None:
    first, second = Partition(store, 0), Partition(store, 3)
    first.commit([make_event(START), make_event(START)])
    first.close()
    first.commit([make_event(START)])
    second.commit([make_event(START)])
    assert offsets(committed) == [(0, 0), (0, 1), (0, 2), (3, 0)]
    with committed.look() as look:
        assert look.committed_at == COMMITTED_AT


@pytest.mark.parametrize("garbage", [b'torn,"row', b"e,track\r\n", b'"\r\n' * 1000])
def test_what_lies_behind_the_committed_bytes_does_not_count(
    store: Path, committed: CommittedStore, garbage: bytes
) -> None:
    Partition(store).commit([make_event(START)], garbage=garbage)
    assert offsets(committed) == [(0, 0)]


def test_a_segment_in_the_middle_of_its_close_counts_once(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    partition.commit([make_event(START), make_event(START)])
    partition.close(finish=False)
    assert offsets(committed) == [(0, 0), (0, 1)]


def test_rows_arrive_and_segments_close_between_two_looks(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    versions = []
    for step in range(6):
        partition.commit([make_event(START + timedelta(seconds=step))] * 3, garbage=b"uncommitted" * step)
        if step % 2:
            partition.close()
        assert offsets(committed) == [(0, offset) for offset in range(3 * step + 3)]
        with committed.look() as look:
            versions.append(look.version)
    assert len(set(versions)) == 6
    with committed.look() as look:
        assert look.version == versions[-1]


def test_a_store_made_anew_under_the_same_names_is_read_anew(
    store: Path, tmp_path: Path, committed: CommittedStore
) -> None:
    Partition(store).commit([make_event(START)] * 5)
    assert len(offsets(committed)) == 5
    store.rename(tmp_path / "old")
    Partition(store).commit([make_event(START)] * 7)
    assert len(offsets(committed)) == 7


def test_every_text_comes_back_as_it_was(store: Path, committed: CommittedStore) -> None:
    texts = [
        'say "hi",\r\nplease',
        "two\nlines",
        "ünï — 漢字 🎉",
        "'; DROP TABLE event; --",
        "=1+1",
        " spaces ",
        "\ttab",
    ]
    events = [make_event(START, text, page_path=text, properties={"text": text}) for text in texts]
    partition = Partition(store)
    partition.commit(events[:4])
    partition.close()
    partition.commit(events[4:])
    with committed.look() as look, committed.rows(look) as connection:
        found = connection.execute("SELECT event_type, page_path FROM events ORDER BY _offset").fetchall()
    assert found == [(text, text) for text in texts]


def test_a_closed_segment_that_is_no_such_csv_is_an_error(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    partition.commit([make_event(START)] * 3)
    path = partition.close()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UnreadableStoreError, match=f"{path.name}: line 4 is no row"):
        offsets(committed)


def test_a_tail_shorter_than_its_checkpoint_says_is_an_error(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    partition.commit([make_event(START)])
    partition.active.write_bytes(bytes(partition.rows[:-1]))
    with pytest.raises(OSError, match="shorter than its checkpoint"):
        offsets(committed)


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM read_csv('/etc/passwd')", "SET enable_external_access = true", "INSTALL httpfs"]
)
def test_the_connection_reads_the_store_and_nothing_else(committed: CommittedStore, statement: str) -> None:
    with pytest.raises(UnreadableStoreError), committed.look() as look, committed.rows(look) as connection:
        connection.execute(statement)


def test_a_closed_segment_that_was_removed_or_replaced_no_longer_counts(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    paths = []
    for _ in range(3):
        partition.commit([make_event(START)] * 2)
        paths.append(partition.close())
    assert len(offsets(committed)) == 6
    paths[0].unlink()
    replacement = paths[1].with_suffix(".new")
    replacement.write_bytes(HEADER + encode_row(make_event(START), 0, 2))
    replacement.replace(paths[1])
    assert offsets(committed) == [(0, 2), (0, 4), (0, 5)]


def test_a_damaged_segment_is_read_once_it_is_mended(store: Path, committed: CommittedStore) -> None:
    partition = Partition(store)
    partition.commit([make_event(START)] * 3)
    path = partition.close()
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    with pytest.raises(UnreadableStoreError):
        offsets(committed)
    path.write_bytes(good)
    assert len(offsets(committed)) == 3


def test_committed_bytes_are_parsed_once_and_leave_no_copy(
    store: Path, scratch: ScratchDirectory, committed: CommittedStore
) -> None:
    partition = Partition(store)
    partition.commit([make_event(START), make_event(START)])
    assert offsets(committed) == [(0, 0), (0, 1)]
    with partition.active.open("r+b") as file:
        file.write(b'"' * 20)
    partition.commit([make_event(START)])
    assert offsets(committed) == [(0, 0), (0, 1), (0, 2)]
    assert list(scratch.path.glob("*.open")) == []


def test_a_scratch_directory_ends_with_its_owner_and_sweeps_the_dead(tmp_path: Path) -> None:
    dead = tmp_path / "dashboard-dead"
    dead.mkdir()
    (dead / "copy.open").write_text("left behind")
    # Seen by the sweep, and removed by its owner.
    (tmp_path / "dashboard-gone").symlink_to(tmp_path / "nowhere")
    alive = ScratchDirectory(tmp_path)
    other = ScratchDirectory(tmp_path)
    assert not dead.exists()
    assert alive.path.exists()
    path = other.path
    del other
    gc.collect()
    assert not path.exists()
    alive.close()
    assert [path.name for path in tmp_path.iterdir()] == ["dashboard-gone"]
