"""`verifystore` names each kind of damage, says nothing of a sound store, and agrees with what the feeder promises."""

import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from rich.console import Console

from brokerlytics.checkpoint import SLOT_BYTES, Checkpoint, CheckpointFile, Gap, read_checkpoint
from brokerlytics.removals import Removal, removals_path
from feeder_app.digest_sets import digests_of
from feeder_app.export import snapshot_bytes
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.records import Record
from feeder_app.recovery import open_partition
from feeder_app.seen_ids import SeenIds
from feeder_app.verify import partition, view
from feeder_app.verify.account import Account
from feeder_app.verify.display import Display
from feeder_app.verify.repeats import Memory
from feeder_app.verify.rows import BadBytes, Rows, scan
from feeder_app.verify.service import VerifyOptions, store_bytes, verify_store
from tests.feeder.support import START, TOPIC, columns, paths, record

DAY = timedelta(days=1)


def event(offset: int, event_id: str, at: datetime = START, **more: object) -> Record:
    fields = {"event_id": event_id, "event_type": "A", "device_id": "d", "page_title": 'a\r\n"b",', "properties": {}}
    return record(offset, value=json.dumps(fields | more).encode(), at=at)


def feed(writer: PartitionWriter, *records: Record) -> None:
    writer.append(columns(records))
    writer.commit(START)


def checked(root: Path) -> Account:
    (account,) = verify_store(VerifyOptions(root, TOPIC), lambda _: None)
    return account


def faults(root: Path) -> list[str]:
    return list(checked(root).findings.texts())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three closed segments and an active one: 100 offsets, and 2 more; of them 5 dead letters and 8 repeats."""
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    for start in (0, 25, 50, 75):
        batch = [record(offset) for offset in range(start, start + 25)]
        batch[3] = record(start + 3, value=b"junk")
        batch[9] = event(start + 9, "again")
        batch[10] = event(start + 10, "again")
        feed(writer, *batch)
        if start < 75:
            writer.close_segment(START)
    feed(writer, record(100, value=b"more junk"), event(101, "again"))
    writer.release()
    return tmp_path


def closed(root: Path, number: int = 0) -> Path:
    return sorted(root.glob("data/*/*.csv"))[number]


def active(root: Path) -> Path:
    (path,) = root.glob("state/*/*.open")
    return path


def edit(path: Path, old: bytes, new: bytes, count: int = 1) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))


def rewrite_checkpoint(root: Path, **changes: object) -> None:
    path = paths(root).checkpoint
    checkpoint = read_checkpoint(path)
    assert checkpoint
    path.write_bytes(b"")
    file = CheckpointFile(path)
    for sequence in (checkpoint.sequence + 1, checkpoint.sequence + 2):
        file.write(msgspec.structs.replace(checkpoint, sequence=sequence, **changes))
    file.close()


def test_a_sound_store_is_clean_and_accounted_for(store: Path) -> None:
    account = checked(store)
    assert list(account.findings.texts()) == account.findings.notes == []
    assert (account.files, account.rows, account.next_offset) == (4, 89, 102)
    assert (account.dead_letters, account.duplicates, account.gaps, account.unexplained) == (5, 8, 0, 0)


def test_what_was_not_committed_does_not_count(store: Path) -> None:
    with active(store).open("ab") as file:
        file.write(b'half a row,"')
    with paths(store).dead_letters.open("ab") as file:
        file.write(b"{")
    assert faults(store) == []


Damage = Callable[[Path], None]


def cut_closed(root: Path) -> None:
    closed(root).write_bytes(closed(root).read_bytes()[:-7])


def cut_active(root: Path) -> None:
    active(root).write_bytes(active(root).read_bytes()[:-7])


def swap_names(root: Path) -> None:
    first, second, spare = closed(root, 0), closed(root, 1), root / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)


def repeat_rows(root: Path) -> None:
    path = closed(root)
    header, _, rest = path.read_bytes().partition(b"\r\n")
    path.write_bytes(header + b"\r\n" + rest + rest)


def overlap(root: Path) -> None:
    path = closed(root)
    path.with_name(path.name.replace(f"-{0:020d}-", f"-{1:020d}-")).write_bytes(path.read_bytes())


def drop_row(root: Path) -> None:
    path = closed(root)
    rows = path.read_bytes().split(b",0,24\r\n")
    path.write_bytes(rows[0][: rows[0].rindex(b",0,23\r\n") + 7])


def tear_slot(root: Path) -> None:
    with paths(root).checkpoint.open("r+b") as file:
        file.seek(20)
        file.write(b"XXXX")


def tear_both_slots(root: Path) -> None:
    tear_slot(root)
    with paths(root).checkpoint.open("r+b") as file:
        file.seek(SLOT_BYTES + 20)
        file.write(b"XXXX")


def rename_day(root: Path) -> None:
    closed(root).parent.rename(root / "data" / "date=soon")


def compress_badly(root: Path) -> None:
    path = closed(root)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    path.unlink()


DAMAGES: dict[str, tuple[Damage, str]] = {
    "header": (lambda root: edit(closed(root), b"event_id,kind", b"event_id,kin"), "row:.*byte 0: the header"),
    "cell missing": (lambda root: edit(closed(root), b",0,24\r\n", b",24\r\n"), "row:.*cell"),
    "cell added": (lambda root: edit(closed(root), b",track,VIEW,", b",track,VIEW,,"), "row:.*byte"),
    "LF": (lambda root: edit(closed(root), b",0,24\r\n", b",0,24\n"), "row:.*byte"),
    "quote": (lambda root: edit(closed(root), b',""text"":', b',"text"":'), "row:.*quoted"),
    "time": (
        lambda root: edit(closed(root), b"2026-08-22T23", b"2026-13-22T23"),
        "row:.*created_on is not",
    ),
    "json": (lambda root: edit(closed(root), b'{""n"":', b'{""n"";'), "row:.*no JSON object"),
    "utf-8": (lambda root: edit(closed(root), b",VIEW,", b",VI\xff\xff,"), "row:.*not UTF-8"),
    "half a closed file": (cut_closed, "row:.*bytes are missing"),
    "partition": (lambda root: edit(closed(root), b",0,24\r\n", b",7,24\r\n"), "row:.*partition 7"),
    "offset": (lambda root: edit(closed(root), b",0,24\r\n", b",0,99\r\n"), "row:.*offset 99 is not within"),
    "names swapped": (swap_names, "row:.*not within"),
    "rows twice": (repeat_rows, "repeated offset:.*there twice"),
    "overlap": (overlap, "overlap:.*Move"),
    "row and dead letter": (lambda root: edit(closed(root), b",0,2\r\n", b",0,3\r\n"), "repeated offset:.*dead letter"),
    "event twice": (
        lambda root: edit(closed(root, 1), b"events-0-26", b"events-0-25"),
        "repeated event:.*event of offset 26",
    ),
    "a row gone": (drop_row, "balance:.*88 rows are there and 0 were removed on purpose; 89 were stored"),
    "a closed file gone": (lambda root: closed(root, 1).unlink(), "balance:.*No file has the offsets 25 to 49"),
    "active gone": (lambda root: active(root).unlink(), "missing:.*active segment is not there"),
    "active cut": (cut_active, "missing:.*bytes are there; the checkpoint says"),
    "dead letters gone": (lambda root: paths(root).dead_letters.unlink(), "dead letters:.*less is there"),
    "dead letter spoilt": (
        lambda root: edit(paths(root).dead_letters, b'"offset":3', b'"offset":x'),
        "dead letters:.*byte 0: no dead letter",
    ),
    "dead letter of another": (
        lambda root: edit(paths(root).dead_letters, b'"partition":0', b'"partition":4'),
        "dead letters:.*events.4.",
    ),
    "slot": (tear_slot, "checkpoint:.*slot 0 is not valid"),
    "slots": (tear_both_slots, "checkpoint:.*neither slot"),
    "checkpoint gone": (lambda root: paths(root).checkpoint.unlink(), "checkpoint:.*is missing"),
    "old checkpoint": (lambda root: rewrite_checkpoint(root, next_offset=60, rows=50, active=None), "checkpoint:.*old"),
    "counts": (lambda root: rewrite_checkpoint(root, duplicates=9), "balance:.*counts 103 records below offset 102"),
    "dead letters uncounted": (lambda root: rewrite_checkpoint(root, dead_letters=9), "dead letters:.*5 lines"),
    "compressed": (compress_badly, "compression:.*cannot be unpacked"),
    "date": (rename_day, "name:.*'soon' is no date"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_kind_of_damage_is_named(store: Path, name: str) -> None:
    damage, expected = DAMAGES[name]
    assert faults(store) == []
    damage(store)
    found = faults(store)
    assert any(re.search(expected, text) for text in found), found


@pytest.mark.parametrize("chunk", [1, 700, 3000])
def test_rows_that_are_there_twice_are_named_wherever_a_chunk_ends(
    store: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("feeder_app.verify.rows.CHUNK", chunk)
    assert (faults(store), checked(store).rows) == ([], 89)
    repeat_rows(store)
    assert any("offset 0 after 24" in text for text in faults(store))


def test_a_bad_row_is_one_fault_and_those_behind_it_are_read(store: Path) -> None:
    edit(closed(store), b'"{""n"":7,', b'"{"n"":7,')
    account = checked(store)
    assert account.rows == 88
    assert list(account.findings.counts) == ["row", "balance"]


def test_a_quote_that_is_never_closed_spoils_one_row_only(store: Path) -> None:
    edit(closed(store), b",VIEW,", b',"VIEW,')
    assert checked(store).rows == 88


def test_what_was_removed_on_purpose_is_not_missing(store: Path) -> None:
    closed(store, 1).unlink()
    removal = Removal(
        kind="retention",
        topic=TOPIC,
        partition=0,
        date="2026-08-22",
        first_offset=25,
        last_offset=49,
        rows=22,
        removed_at=START,
    )
    removals_path(store).parent.mkdir(parents=True, exist_ok=True)
    removals_path(store).write_bytes(msgspec.json.encode(removal) + b"\n")
    account = checked(store)
    assert list(account.findings.texts()) == []
    assert (account.rows, account.removed, account.unexplained) == (67, 22, 0)


def test_offsets_without_a_record_are_told_and_gaps_are_known(tmp_path: Path) -> None:
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    writer.skip_to(10, START)
    feed(writer, record(10), record(12), record(15))
    writer.release()
    account = checked(tmp_path)
    assert list(account.findings.texts()) == []
    assert (account.gaps, account.unexplained, account.rows) == (10, 3, 3)
    rewrite_checkpoint(tmp_path, gaps=(Gap(start=0, end=10), Gap(start=13, end=15)))
    assert checked(tmp_path).unexplained == 1


def test_a_repeat_beyond_the_promise_is_a_note(tmp_path: Path) -> None:
    block = FeederPolicy().seen_block
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    feed(writer, event(0, "a"), event(1, "a", source="other"), event(2 * block, "a"))
    writer.release()
    account = checked(tmp_path)
    assert list(account.findings.texts()) == []
    assert "1 rows repeat an event of their day" in account.findings.notes[0]


def test_a_repeat_days_later_is_allowed(tmp_path: Path) -> None:
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    feed(writer, event(0, "a"), event(1, "a", START + 2 * DAY))
    writer.release()
    assert list(checked(tmp_path).findings.texts()) == checked(tmp_path).findings.notes == []


def test_a_compressed_segment_is_read(store: Path) -> None:
    path = closed(store)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert (faults(store), checked(store).rows) == ([], 89)


def test_the_size_is_without_what_was_closed_or_replaced_since_it_was_listed(store: Path) -> None:
    replaced = paths(store).data / paths(store).closed_name("2026-08-22", 7, 8)
    for gone in (active(store).with_name("gone.open"), replaced):
        gone.symlink_to(store / "nowhere")
    there = [*store.glob("state/*/*.open"), *store.glob("data/*/*.csv")]
    size = sum(path.stat().st_size for path in there if path.exists())
    assert size > 4000
    assert (store_bytes(store, TOPIC), snapshot_bytes(store, TOPIC)) == (size, size)


def test_a_segment_that_is_closed_before_it_is_opened_is_not_missing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_partition(paths(store), FeederPolicy(), START)
    looks = 0

    def close_after_the_look(path: Path) -> Checkpoint | None:
        nonlocal looks
        looks += 1
        checkpoint = read_checkpoint(path)
        if looks == 2:
            writer.close_segment(START)
        return checkpoint

    monkeypatch.setattr(view, "read_checkpoint", close_after_the_look)
    account = checked(store)
    writer.release()
    assert list(account.findings.texts()) == []
    assert (account.files, account.rows) == (4, 89)


def test_a_day_that_is_rewritten_as_it_is_read_is_read_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as maintenance comes by: where it has many days to compress, it does one after the other."""
    first, last = closed(store, 0), closed(store, 2)
    plain = last.read_bytes()
    forms = {last: plain, last.with_name(f"{last.name}.gz"): gzip.compress(plain)}
    rewritten = 0

    def rewrite_behind(file: BinaryIO, size: int | None) -> Iterator[Rows | BadBytes]:
        nonlocal rewritten
        if file.name == str(first) and rewritten < 30:
            rewritten += 1
            for path, content in forms.items():
                if path.exists():
                    path.unlink()
                else:
                    path.write_bytes(content)
        return scan(file, size)

    monkeypatch.setattr(partition, "scan", rewrite_behind)
    assert faults(store) == []
    assert rewritten == 30


def test_a_segment_that_is_a_link_to_nowhere_cannot_be_read(store: Path) -> None:
    path = closed(store)
    path.unlink()
    path.symlink_to(store / "nowhere")
    with pytest.raises(FileNotFoundError, match=path.name):
        faults(store)


def test_only_the_first_of_a_kind_are_listed(store: Path) -> None:
    for number in range(3):
        edit(closed(store, number), b",VIEW,", b",VI\xffEW,", count=-1)
    found = faults(store)
    assert len(found) == 21
    assert found[-1] == "row: and 46 more"


def test_the_command_tells_by_its_exit_code(
    store: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.STORE_DIR = store
    call_command("verifystore", topic=TOPIC)
    shown = capsys.readouterr().out
    assert "The store is sound." in shown
    assert shown.splitlines()[1].split() == ["0", "4", "89", "102", "5", "8", "0", "0", "0"]
    closed(store).unlink()
    with pytest.raises(CommandError) as damaged:
        call_command("verifystore", topic=TOPIC)
    assert damaged.value.returncode == 3
    settings.STORE_DIR = store / "nothing"
    with pytest.raises(CommandError, match="holds nothing of the topic events") as nothing:
        call_command("verifystore", topic=TOPIC)
    assert nothing.value.returncode == 1


def test_a_partition_without_a_record_is_sound(tmp_path: Path) -> None:
    open_partition(paths(tmp_path), FeederPolicy(), START).release()
    assert faults(tmp_path) == []


def test_partitions_are_checked_in_processes_of_their_own(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_partition(paths(store, 1), FeederPolicy(), START)
    feed(writer, *(record(offset, partition=1) for offset in range(50)))
    writer.release()
    options = VerifyOptions(store, TOPIC)
    alone = verify_store(options, lambda _: None)
    edit(closed(store), b",VIEW,", b",VI\xff\xff,")
    told: list[int] = []
    monkeypatch.setattr("feeder_app.verify.service._SMALL", 0)
    together = verify_store(options, told.append)
    assert [account.rows for account in together] == [account.rows for account in alone] == [89, 50]
    assert [list(account.findings.counts) for account in together] == [["row"], []]
    assert sum(told) == sum(account.bytes for account in together) > 0


def test_a_store_that_was_merged_compressed_and_had_a_person_removed_is_sound(store: Path, settings: Settings) -> None:
    settings.STORE_DIR, settings.KAFKA_TOPIC, settings.STORE_COMPRESSION = store, TOPIC, "zstd"
    writer = open_partition(paths(store), FeederPolicy(), START)
    writer.close_segment(START)
    writer.release()
    call_command("maintainstore")
    assert len(list(store.glob("data/*/*.csv.zst"))) == 1
    assert (faults(store), checked(store).rows, checked(store).files) == ([], 89, 1)
    call_command("forget", device=["d3"], yes=True)
    account = checked(store)
    assert list(account.findings.texts()) == []
    assert (account.rows + account.removed, account.removed, account.unexplained) == (89, 11, 0)


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal() -> None:
    out, seconds = io.StringIO(), [0.0]
    with Display(Console(file=out), 4_000_000, lambda: seconds[0]) as display:
        for seconds[0] in (1.0, 6.0, 7.0, 12.0):
            display.tell(1_000_000)
    assert out.getvalue() == "2.0 MB of 4.0 MB checked\n4.0 MB of 4.0 MB checked\n"


def test_progress_is_a_bar_on_a_terminal() -> None:
    out = io.StringIO()
    with Display(Console(file=out, force_terminal=True, width=100), 4_000_000) as display:
        display.tell(4_000_000)
    assert "4.0/4.0 MB" in out.getvalue()


STEPS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(1, 5)), max_size=60)


@given(steps=STEPS, cut=st.integers(1, 7))
def test_the_memory_is_the_feeders(steps: list[tuple[int, int, int]], cut: int) -> None:
    """Both write down the same rule, row by row and in runs of one day."""
    feeders, one, many = SeenIds(8), Memory(8), Memory(8)
    offset, rows = 0, []
    for name, day, step in steps:
        offset += step
        rows.append((day, offset, name))
    expected = []
    for day, at, name in rows:
        (is_new,) = feeders.remember(digests_of([b"%d" % name]), [at], day)
        assert one.remember(day, at, name) == is_new
        if not is_new:
            expected.append(at)
    found = []
    for day, run in groupby(rows, lambda row: row[0]):
        of_day = list(run)
        for start in range(0, len(of_day), cut):
            part = of_day[start : start + cut]
            found += many.remember_all(day, [row[1] for row in part], [row[2] for row in part])
    assert found == expected
