"""Days are rewritten under the eyes of those who read them: each row once, at any moment."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from brokerlytics.store import closed_segments, open_segment
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.scratch import ScratchDirectory
from feeder_app import export
from feeder_app.export import ExportFilter, export_rows
from feeder_app.maintenance import workspace
from feeder_app.maintenance.plan import Compression, MaintenancePolicy
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.day_builder import FIRST_DAY, LATER, QUICK, event, make_day, make_store, run_forget, run_maintenance
from tests.feeder.support import TOPIC, columns, paths
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
DAYS = 4


@dataclass
class Reader:
    """What another process saw: [rows, different places, rows of device d0]."""

    reads: int = 0
    answers: list[list[int]] = field(default_factory=list)


@contextmanager
def reading(how: str, root: Path, stop: Path) -> Iterator[Reader]:
    command = [sys.executable, "-m", "tests.feeder.reading_all_the_time", how, str(root), str(stop)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    reader = Reader()
    try:
        wait_for_reads(stop, process)
        yield reader
    finally:
        stop.touch()
        out, _ = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    reader.reads, reader.answers = told["reads"], told["answers"]


def wait_for_reads(stop: Path, process: subprocess.Popen[bytes] | None = None, count: int = 1) -> None:
    """Until it has read so often once more."""
    reads = stop.with_suffix(".reads")
    goal = count + (reads.stat().st_size if reads.exists() else 0)

    def has_read() -> bool:
        assert process is None or process.poll() is None
        return reads.exists() and reads.stat().st_size >= goal

    wait_until(has_read)


def rewrite_everything(root: Path, stop: Path) -> None:
    """Merge by and by, then compress, then forget six of seven devices; it is read after each of these."""
    policy = MaintenancePolicy(grace=timedelta(seconds=0.3))
    for merge_bytes in (2_000, 4_000, 8_000, 100_000):
        run_maintenance(root, replace(policy, merge_bytes=merge_bytes))
        wait_for_reads(stop)
    run_maintenance(root, replace(policy, compression="zstd"))
    for number in range(1, 7):
        run_forget(root, devices=[f"d{number}"])
        wait_for_reads(stop)


def wrong_answers(reader: Reader, rows: int, kept: int) -> list[list[int]]:
    """All rows while nobody is forgotten, then fewer, but never a row twice and never one of d0 less."""
    return [answer for answer in reader.answers if answer[0] != answer[1] or answer[2] != kept or answer[0] > rows]


def rows_of_d0(rows: int) -> int:
    """Both partitions have the same offsets."""
    return 2 * len([offset for offset in range(rows // 2) if offset % 7 == 0])


@pytest.mark.parametrize("how", ["python", "duckdb"])
def test_a_reader_with_a_glob_never_counts_wrong(tmp_path: Path, how: str) -> None:
    rows = make_store(tmp_path / "store", days=DAYS, segments=8)
    with reading(how, tmp_path / "store", tmp_path / "stop") as reader:
        rewrite_everything(tmp_path / "store", tmp_path / "stop")
    assert reader.reads > 10
    assert [rows, rows, rows_of_d0(rows)] in reader.answers
    assert wrong_answers(reader, rows, rows_of_d0(rows)) == []
    assert len({path.suffix for path in (tmp_path / "store" / "data").glob("*/*")}) == 1


def test_the_control_in_two_steps_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a day taken away first and then put back, the test above would notice."""
    stop = tmp_path / "stop"

    def in_two_steps(old: Path, new: Path) -> None:
        old.rename(tmp_path / "aside")
        # The second of them has begun since.
        wait_for_reads(stop, count=2)
        new.rename(old)
        (tmp_path / "aside").rename(new)

    rows = make_store(tmp_path / "store", days=DAYS, segments=8)
    monkeypatch.setattr(workspace, "exchange", in_two_steps)
    with reading("python", tmp_path / "store", stop) as reader:
        run_maintenance(tmp_path / "store", QUICK)
    assert wrong_answers(reader, rows, rows_of_d0(rows))


def test_the_dashboard_looks_again_when_files_vanish_after_its_look(tmp_path: Path) -> None:
    rows = make_store(tmp_path / "store")
    committed = CommittedStore(tmp_path / "store", TOPIC, ScratchDirectory(tmp_path / "scratch"))
    with committed.look() as look:
        run_maintenance(tmp_path / "store")
        with pytest.raises(FileNotFoundError), committed.rows(look):
            pass
    for compression in ("none", "gzip", "zstd"):
        run_maintenance(tmp_path / "store", replace(QUICK, compression=compression))
        assert counted(committed) == rows
    run_forget(tmp_path / "store", devices=["d0"])
    assert counted(committed) == rows - rows_of_d0(rows)


def counted(committed: CommittedStore) -> int:
    with committed.look() as look, committed.rows(look) as connection:
        return int(connection.execute("SELECT count(DISTINCT (_partition, _offset)) FROM events").fetchall()[0][0])


def test_plain_and_compressed_files_are_read_together(tmp_path: Path) -> None:
    """One day is compressed with each, the last not at all."""
    rows = make_store(tmp_path / "store")
    compressions: list[Compression] = ["gzip", "zstd"]
    for number, compression in enumerate(compressions, start=1):
        run_maintenance(tmp_path / "store", replace(QUICK, compression=compression), FIRST_DAY + timedelta(days=number))
    suffixes = [segment.path.suffix for segment in closed_segments(tmp_path / "store", TOPIC)]
    assert set(suffixes) == {".gz", ".zst", ".csv"}
    committed = CommittedStore(tmp_path / "store", TOPIC, ScratchDirectory(tmp_path / "scratch"))
    assert counted(committed) == rows
    out = io.StringIO()
    assert export_rows(tmp_path / "store", TOPIC, ExportFilter(raw=True), out, lambda _: None) == rows


def test_an_export_goes_on_where_its_files_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file is open when all are merged, compressed, and the last day is removed."""
    rows = make_store(tmp_path / "store", days=3)
    opened = 0

    def open_and_rewrite(path: Path) -> object:
        nonlocal opened
        opened += 1
        file = open_segment(path)
        if opened == 1:
            run_maintenance(tmp_path / "store", QUICK)
            run_maintenance(tmp_path / "store", replace(QUICK, compression="gzip"))
        return file

    monkeypatch.setattr(export, "open_segment", open_and_rewrite)
    out = io.StringIO()
    assert export_rows(tmp_path / "store", TOPIC, ExportFilter(), out, lambda _: None) == rows
    monkeypatch.setattr(export, "open_segment", open_segment)
    again = io.StringIO()
    assert export_rows(tmp_path / "store", TOPIC, ExportFilter(), again, lambda _: None) == rows
    assert sorted(out.getvalue().split("\r\n")) == sorted(again.getvalue().split("\r\n"))


def test_an_export_ends_where_retention_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = make_store(tmp_path / "store", days=3)
    opened = 0

    def open_and_remove(path: Path) -> object:
        nonlocal opened
        opened += 1
        file = open_segment(path)
        if opened == 1:
            run_maintenance(tmp_path / "store", replace(QUICK, keep_days=8))
        return file

    monkeypatch.setattr(export, "open_segment", open_and_remove)
    # Of the days that go, only the file that is open is read.
    expected = rows // 3 + 5
    assert export_rows(tmp_path / "store", TOPIC, ExportFilter(), io.StringIO(), lambda _: None) == expected


def test_an_export_ends_where_retention_was_when_a_feeder_goes_on_with_that_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_store(tmp_path / "store", days=1, partitions=1)
    opened = 0

    def open_and_remove(path: Path) -> object:
        nonlocal opened
        opened += 1
        file = open_segment(path)
        if opened == 1:
            run_maintenance(tmp_path / "store", replace(QUICK, keep_days=1))
            make_day(tmp_path / "store", [[event(rows, 0)]])
        return file

    monkeypatch.setattr(export, "open_segment", open_and_remove)
    assert export_rows(tmp_path / "store", TOPIC, ExportFilter(), io.StringIO(), lambda _: None) == 5


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_next_owner_remembers_ids_from_rewritten_files(tmp_path: Path, compression: Compression) -> None:
    make_store(tmp_path, days=1, partitions=1)
    run_maintenance(tmp_path, replace(QUICK, compression=compression), LATER)
    writer = open_partition(paths(tmp_path), FeederPolicy(), LATER)
    before = writer.checkpoint.next_offset
    writer.append(columns([event(before, 0, event_id=f"{TOPIC}-0-3"), event(before + 1, 0, event_id="new")]))
    writer.commit(LATER)
    assert (writer.checkpoint.rows, writer.checkpoint.duplicates) == (before + 1, 1)
    writer.release()
