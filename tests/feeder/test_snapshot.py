"""Readers beside a writer: every committed row, none twice, at any moment."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from brokerlytics import store
from brokerlytics.checkpoint import Checkpoint, read_checkpoint
from brokerlytics.store import closed_segments, names_in, open_snapshot
from brokerlytics.store_size import store_sizes
from feeder_app.maintenance.exchange import exchange
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import SECOND, START, TOPIC, assert_exactly, columns, paths, record, stored_offsets


def test_an_empty_store_has_no_rows(tmp_path: Path) -> None:
    with open_snapshot(tmp_path, TOPIC) as snapshot:
        assert (snapshot.closed, snapshot.tails, snapshot.committed_at) == ((), (), None)


def test_a_segment_that_closes_during_the_look_is_seen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    writer.append(columns([record(0)]))
    writer.commit(START)

    def close_in_between(path: Path) -> Checkpoint | None:
        checkpoint = read_checkpoint(path)
        writer.close_segment(START)
        return checkpoint

    monkeypatch.setattr(store, "read_checkpoint", close_in_between)
    assert_exactly(stored_offsets(tmp_path), [0])
    writer.release()


def test_a_reader_never_misses_or_repeats_a_row_while_segments_close(tmp_path: Path) -> None:
    """The writer commits and closes as fast as it can; what a reader sees only ever grows by whole commits."""
    stop = threading.Event()

    def write() -> None:
        writer = open_partition(paths(tmp_path), FeederPolicy(roll_bytes=1500), START)
        offset = 0
        while not stop.is_set():
            for _ in range(3):
                writer.append(columns([record(offset)]))
                offset += 1
            writer.commit(START + SECOND)
        writer.release()

    thread = threading.Thread(target=write)
    thread.start()
    seen = 0
    try:
        while len(closed_segments(tmp_path, TOPIC)) < 60:
            offsets = stored_offsets(tmp_path)
            assert_exactly(offsets, range(len(offsets)))
            assert len(offsets) >= seen
            seen = len(offsets)
    finally:
        stop.set()
        thread.join()
    assert seen > 100


def test_a_day_that_is_removed_during_the_look_has_no_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in ("2026-08-21", "2026-08-22"):
        segment = paths(tmp_path).data / paths(tmp_path).closed_name(day, 0, 1)
        segment.parent.mkdir(parents=True)
        segment.touch()

    def listed(directory: Path, names_in: Callable[[Path], list[str]] = names_in) -> list[str]:
        found = names_in(directory)
        if directory.name == "data":
            shutil.rmtree(directory / "date=2026-08-21")
        return found

    monkeypatch.setattr(store, "names_in", listed)
    assert [segment.date for segment in closed_segments(tmp_path, TOPIC)] == ["2026-08-22"]


def test_a_day_that_is_swapped_out_and_emptied_during_the_look_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = Path(paths(tmp_path).closed_name("2026-08-22", 0, 1)).name
    day, other = tmp_path / "data" / "date=2026-08-22", tmp_path / "other"
    for directory in (day, other):
        directory.mkdir(parents=True)
        (directory / name).touch()

    def listed_late(fd: int, listdir: Callable[[int], list[str]] = os.listdir) -> list[str]:
        """After it was opened, the day is swapped, and its old directory emptied."""
        if other.exists() and os.path.samestat(os.fstat(fd), day.stat()):
            exchange(day, other)
            shutil.rmtree(other)
        return listdir(fd)

    monkeypatch.setattr(os, "listdir", listed_late)
    assert [segment.path.name for segment in closed_segments(tmp_path, TOPIC)] == [name]


@pytest.mark.parametrize("name", ["data/date=2026-08-22", "data", "state"])
def test_a_directory_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.symlink_to(directory)
    with pytest.raises(OSError, match=f"Too many levels of symbolic links: .*{name}"), open_snapshot(tmp_path, TOPIC):
        pass


def test_a_partition_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    state = paths(tmp_path).state
    state.parent.mkdir(parents=True)
    state.symlink_to(state)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        store_sizes(tmp_path, TOPIC)


def test_topics_whose_names_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    for topic in ("events", "events-p0001", "events-0001"):
        location = store.PartitionPaths(tmp_path, topic, 1)
        writer = open_partition(location, FeederPolicy(), START)
        for offset in range(2):
            writer.append(columns([record(offset, partition=1)]))
            writer.commit(START)
            if offset == 0:
                writer.close_segment(START)
        writer.release()
    for topic in ("events", "events-p0001", "events-0001"):
        assert stored_offsets(tmp_path, topic) == [(1, 0), (1, 1)]
