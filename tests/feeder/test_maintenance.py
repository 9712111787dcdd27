"""What maintenance does with closed days, and what it leaves alone."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from brokerlytics.checkpoint import CheckpointFile, read_checkpoint
from brokerlytics.checks import check_store_upkeep
from brokerlytics.csv_format import HEADER
from brokerlytics.removals import read_removals
from brokerlytics.store import closed_segments, open_segment
from feeder_app.maintenance import exchange, meeting, workspace
from feeder_app.maintenance.exchange import ExchangeUnsupportedError
from feeder_app.maintenance.maintain import DaysLeftError, maintain
from feeder_app.maintenance.meeting import SwapBusyError, maintenance_dir, putting_into_a_day
from feeder_app.maintenance.plan import Compression
from feeder_app.maintenance.watching import JobStoppedError, JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.day_builder import DAY, FIRST_DAY, LATER, QUICK, event, make_day, make_store, run_maintenance
from tests.feeder.support import TOPIC, columns, paths, stored_offsets, stored_rows
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


def names(root: Path) -> list[str]:
    """Each closed segment as date, partition and offsets, in short."""
    return [
        f"{s.date[-2:]} p{s.partition} {s.first_offset}-{s.last_offset}{s.path.suffix.removeprefix('.csv')}"
        for s in closed_segments(root, TOPIC)
    ]


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "data").rglob("*") if path.is_file()}


def rows_in_order(root: Path, partition: int) -> bytes:
    """The bodies of a partition's files, one after another, as bytes."""
    found = [segment for segment in closed_segments(root, TOPIC) if segment.partition == partition]
    bodies = []
    for segment in sorted(found, key=lambda segment: segment.first_offset):
        with open_segment(segment.path) as file:
            assert file.readline() == HEADER
            bodies.append(file.read())
    return b"".join(bodies)


def test_neighbours_are_merged_and_keep_every_byte(tmp_path: Path) -> None:
    make_store(tmp_path, days=2, partitions=2, segments=3, rows=5)
    before = [rows_in_order(tmp_path, partition) for partition in (0, 1)]
    assert run_maintenance(tmp_path) == "2026-08-20: 6 segments become 2\n2026-08-21: 6 segments become 2\n"
    assert names(tmp_path) == ["20 p0 0-14", "20 p1 0-14", "21 p0 15-29", "21 p1 15-29"]
    assert [rows_in_order(tmp_path, partition) for partition in (0, 1)] == before
    assert run_maintenance(tmp_path) == ""


def test_a_merged_file_has_a_largest_size_and_large_files_stay_the_same_file(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(n, 0) for n in range(start, end)] for start, end in ((0, 2), (2, 4), (4, 40), (40, 42))])
    (large,) = [segment.path for segment in closed_segments(tmp_path, TOPIC) if segment.first_offset == 4]
    inode = large.stat().st_ino
    run_maintenance(tmp_path, replace(QUICK, merge_bytes=large.stat().st_size))
    assert names(tmp_path) == ["20 p0 0-3", "20 p0 4-39", "20 p0 40-41"]
    assert large.stat().st_ino == inode


def test_a_segment_of_another_day_in_between_keeps_two_apart(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(0, 0)], [event(1, 1)], [event(2, 0)], [event(3, 0)]])
    run_maintenance(tmp_path)
    assert names(tmp_path) == ["20 p0 0-0", "20 p0 2-3", "21 p0 1-1"]


def test_what_comes_late_is_merged_by_the_next_run(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(0, 0)], [event(1, 0)]])
    run_maintenance(tmp_path)
    make_day(tmp_path, [[event(2, 0)]])
    run_maintenance(tmp_path)
    assert names(tmp_path) == ["20 p0 0-2"]


@pytest.mark.parametrize(("compression", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
def test_closed_days_are_compressed_once(tmp_path: Path, compression: Compression, suffix: str) -> None:
    make_store(tmp_path, days=2, partitions=1, segments=3)
    before = rows_in_order(tmp_path, 0)
    policy = replace(QUICK, compression=compression)
    # Of the two days the second is still today.
    run_maintenance(tmp_path, policy, FIRST_DAY + DAY)
    assert names(tmp_path) == [f"20 p0 0-14{suffix}", "21 p0 15-19", "21 p0 20-24", "21 p0 25-29"]
    run_maintenance(tmp_path, policy)
    assert names(tmp_path) == [f"20 p0 0-14{suffix}", f"21 p0 15-29{suffix}"]
    assert rows_in_order(tmp_path, 0) == before
    assert run_maintenance(tmp_path, policy) == ""


def test_a_day_that_a_feeder_has_in_hand_is_left_alone_and_so_are_later_ones(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(0, 0)], [event(1, 0)]])
    make_day(tmp_path, [[event(0, 1, 1)], [event(1, 1, 1)], [event(2, 1, 1)]], close=False)
    make_day(tmp_path, [[event(0, 2, 2)], [event(1, 2, 2)]])
    run_maintenance(tmp_path, replace(QUICK, keep_days=1))
    assert names(tmp_path) == ["21 p1 0-0", "21 p1 1-1", "22 p2 0-0", "22 p2 1-1"]


def test_retention_takes_whole_days_and_writes_down_what_it_took(tmp_path: Path) -> None:
    make_store(tmp_path, days=4, partitions=2, segments=2, rows=5)
    now = FIRST_DAY + 5 * DAY
    said = run_maintenance(tmp_path, replace(QUICK, keep_days=3), now)
    assert said.startswith("2026-08-20: removed, 20 rows in 4 segments\n2026-08-21: removed, 20 rows in 4 segments\n")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["date=2026-08-22", "date=2026-08-23"]
    assert stored_offsets(tmp_path) == [(partition, offset) for partition in (0, 1) for offset in range(20, 40)]
    removals = read_removals(tmp_path, TOPIC)
    assert [(r.date[-2:], r.partition, r.first_offset, r.last_offset, r.rows, r.kind) for r in removals] == [
        (day, partition, first, first + 9, 10, "retention")
        for day, first in (("20", 0), ("21", 10))
        for partition in (0, 1)
    ]
    assert {removal.removed_at for removal in removals} == {now}


def test_retention_never_passes_a_checkpoint(tmp_path: Path) -> None:
    """A checkpoint from a backup knows less than is there: what it does not know of would be stored again."""
    make_store(tmp_path, days=2, partitions=1, segments=2)
    path = paths(tmp_path).checkpoint
    checkpoint = read_checkpoint(path)
    assert checkpoint
    file = CheckpointFile(path)
    file.write(msgspec.structs.replace(checkpoint, sequence=checkpoint.sequence + 1, next_offset=12))
    file.close()
    assert run_maintenance(tmp_path, replace(QUICK, keep_days=1)) == "2026-08-20: removed, 10 rows in 2 segments\n"
    assert names(tmp_path) == ["21 p0 10-14", "21 p0 15-19"]
    path.unlink()
    assert run_maintenance(tmp_path, replace(QUICK, keep_days=1)) == ""
    assert len(names(tmp_path)) == 2


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path, settings: Settings) -> None:
    settings.STORE_DIR = tmp_path
    settings.STORE_KEEP_DAYS = 1
    make_store(tmp_path, days=1)
    before = content(tmp_path)
    out = io.StringIO()
    call_command("maintainstore", "--dry-run", stdout=out)
    assert out.getvalue() == "2026-08-20: remove 8 segments\n"
    assert content(tmp_path) == before
    settings.STORE_DIR = tmp_path / "nothing"
    out = io.StringIO()
    call_command("maintainstore", "--dry-run", stdout=out)
    assert out.getvalue() == "Nothing to do.\n"


@pytest.mark.parametrize("command", [["maintainstore"], ["forget", "--user", "u", "--yes"]])
def test_a_second_job_ends_and_says_who_has_it(tmp_path: Path, settings: Settings, command: list[str]) -> None:
    settings.STORE_DIR = tmp_path
    with (
        Workspace(tmp_path, timedelta(0), LATER),
        pytest.raises(CommandError, match=rf"held by pid {os.getpid()} since 2026-08-30T12:00:00"),
    ):
        call_command(*command)


def test_a_damaged_segment_leaves_its_day_as_it_is_and_the_others_are_done(tmp_path: Path) -> None:
    make_store(tmp_path, days=2, partitions=1, segments=2)
    first = closed_segments(tmp_path, TOPIC)[0].path
    first.write_bytes(first.read_bytes()[:-10])
    with pytest.raises(DaysLeftError, match="1 days were left"):
        run_maintenance(tmp_path)
    assert names(tmp_path) == ["20 p0 0-4", "20 p0 5-9", "21 p0 10-19"]
    assert list(maintenance_dir(tmp_path).glob("date=*")) == []


def test_two_files_with_the_same_rows_are_not_merged(tmp_path: Path) -> None:
    make_store(tmp_path, days=1, partitions=1, segments=2)
    first = closed_segments(tmp_path, TOPIC)[0].path
    first.with_name(first.name.replace("4.csv", "3.csv")).write_bytes(first.read_bytes())
    with pytest.raises(DaysLeftError):
        run_maintenance(tmp_path)
    assert len(names(tmp_path)) == 3


def test_other_files_of_a_day_come_along_but_no_directories(tmp_path: Path) -> None:
    make_store(tmp_path, days=1, partitions=1, segments=2)
    day = tmp_path / "data" / "date=2026-08-20"
    (day / "notes.txt").write_text("of the analyst")
    run_maintenance(tmp_path)
    assert (day / "notes.txt").read_text() == "of the analyst"
    with pytest.raises(DaysLeftError):
        run_maintenance(tmp_path, replace(QUICK, keep_days=1))
    assert (day / "notes.txt").exists()
    (day / "more").mkdir()
    with pytest.raises(DaysLeftError):
        run_maintenance(tmp_path, replace(QUICK, compression="gzip"))
    assert names(tmp_path) == ["20 p0 0-9"]


def test_what_a_feeder_adds_while_the_day_is_prepared_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path, days=1, partitions=2, segments=2)
    real = meeting.swapping_a_day

    def add_first(root: Path) -> object:
        make_day(tmp_path, [[event(0, 0, 2), event(1, 0, 2)]])
        return real(root)

    monkeypatch.setattr(workspace, "swapping_a_day", add_first)
    run_maintenance(tmp_path)
    assert names(tmp_path) == ["20 p0 0-9", "20 p1 0-9", "20 p2 0-1"]


def test_a_feeder_waits_for_a_swap_and_a_swap_for_a_feeder(tmp_path: Path) -> None:
    """The close is in another process, for a lock of this one would not keep itself out."""
    make_day(tmp_path, [[event(0, 0)]], close=False)
    code = (
        "from pathlib import Path; from tests.feeder.day_builder import *; import sys\n"
        "make_day(Path(sys.argv[1]), [[event(1, 0)]])"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with meeting.swapping_a_day(_made(tmp_path)):
        feeder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=env)
        with pytest.raises(subprocess.TimeoutExpired):
            feeder.wait(3)
        assert names(tmp_path) == []
    assert feeder.wait(PATIENCE) == 0
    assert names(tmp_path) == ["20 p0 0-1"]


def _made(root: Path) -> Path:
    maintenance_dir(root).mkdir(parents=True, exist_ok=True)
    return root


def test_a_feeder_that_is_stopped_in_a_close_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path, days=1)
    before = content(tmp_path)
    monkeypatch.setattr("feeder_app.maintenance.meeting._SWAP_PATIENCE", 0.1)
    with putting_into_a_day(tmp_path), pytest.raises(SwapBusyError, match="Is its process stopped"):
        run_maintenance(tmp_path)
    assert content(tmp_path) == before
    run_maintenance(tmp_path)
    assert len(names(tmp_path)) == 2


def test_a_file_system_that_cannot_exchange_is_told_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path, days=1)
    before = content(tmp_path)
    # A flag that no kernel knows: the same EINVAL as from a file system without the call.
    monkeypatch.setattr(exchange, "_EXCHANGE", 1 << 30)
    with pytest.raises(ExchangeUnsupportedError, match="cannot exchange two directories in one step"):
        run_maintenance(tmp_path)
    assert content(tmp_path) == before
    assert list(maintenance_dir(tmp_path).glob("*-*")) == []


def test_a_stop_leaves_the_day_in_hand_as_it_was(tmp_path: Path) -> None:
    make_store(tmp_path, days=2)
    before = content(tmp_path)
    asked = iter([False, False, True])
    with (
        pytest.raises(JobStoppedError),
        JobWatch(lambda: next(asked)) as watch,
        Workspace(tmp_path, QUICK.grace, LATER) as work,
    ):
        maintain(work, QUICK, watch, LATER)
    assert content(tmp_path) == before
    assert list(maintenance_dir(tmp_path).glob("date=*")) == []


FULL = """
mount -t tmpfs -o size=2m tmpfs "$STORE_DIR" && cp -a "$FROM/." "$STORE_DIR"
head -c 100k /dev/zero > "$STORE_DIR/spare"
cat /dev/zero > "$STORE_DIR/filler" 2> /dev/null; rm "$STORE_DIR/spare"
"$@"; echo "code $?"
diff -r "$FROM/data" "$STORE_DIR/data" && echo same; ls "$STORE_DIR/state/maintenance"
rm "$STORE_DIR/filler"; "$@"; echo "code $?"; ls "$STORE_DIR"/data/*
"""


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    rows = [[event(n, 0, properties={"text": "x" * 2000}) for n in range(start, start + 50)] for start in (0, 50, 100)]
    make_day(tmp_path / "from", rows)
    store = tmp_path / "store"
    store.mkdir()
    env = {
        "PATH": "/usr/bin:/bin",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path / "var"),
        "STORE_DIR": str(store),
        "FROM": str(tmp_path / "from"),
    }
    command = ["unshare", "-Urm", "sh", "-c", FULL, "sh", sys.executable, "manage.py", "maintainstore"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert "No space left on device. No day was left half done." in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.split() == [
        *("code", "1", "same", "LOCK", "SWAP", "code", "0"),
        "events-p0000-00000000000000000000-00000000000000000149.csv",
    ]


def test_wrong_settings_are_told_before_anything_starts(settings: Settings) -> None:
    assert check_store_upkeep() == []
    settings.STORE_COMPRESSION, settings.STORE_KEEP_DAYS = "rar", 0
    assert [error.id for error in check_store_upkeep()] == ["brokerlytics.E003", "brokerlytics.E004"]


@pytest.mark.parametrize("seconds", ["0", "soon"])
def test_a_bad_interval_is_told(seconds: str) -> None:
    with pytest.raises(CommandError, match="is not a number of seconds from 1 up"):
        call_command("maintainstore", "--every", seconds)


def test_every_topic_of_the_store_is_maintained(tmp_path: Path) -> None:
    make_store(tmp_path, days=1, partitions=1, segments=2)
    other = replace(paths(tmp_path), topic="other")
    writer = open_partition(other, FeederPolicy(), FIRST_DAY)
    for offset in range(2):
        writer.append(columns([event(offset, 0)]))
        writer.commit(FIRST_DAY)
        writer.close_segment(FIRST_DAY)
    writer.release()
    run_maintenance(tmp_path)
    assert [len(closed_segments(tmp_path, topic)) for topic in (TOPIC, "other")] == [1, 1]
    assert len(stored_rows(tmp_path, "other")) == 2
