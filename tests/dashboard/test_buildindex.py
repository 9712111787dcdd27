from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from brokerlytics.index_files import index_dir, read_manifest
from brokerlytics.local_kafka.locks import ProcessLock
from dashboard_app.index import builder, following
from dashboard_app.index.builder import IndexBuilder
from dashboard_app.reading.scratch import ScratchDirectory
from tests.dashboard.store_builder import TOPIC, Partition, make_event
from tests.dashboard.test_events import START


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard_app.management.commands.buildindex.os.nice", lambda _: None)
    monkeypatch.setattr("dashboard_app.management.commands.buildindex.time.sleep", lambda _: None)


def buildindex(*arguments: str) -> str:
    out = StringIO()
    call_command("buildindex", *arguments, stdout=out)
    return out.getvalue()


def close_one(store: Path) -> Path:
    partition = Partition(store)
    partition.commit([make_event(START)] * 3)
    return partition.close()


def test_it_builds_what_is_missing_and_says_so(store: Path) -> None:
    close_one(store)
    assert buildindex() == "The index is up to date. Generations built: 1.\n"
    assert buildindex() == "The index is up to date. Generations built: 0.\n"
    assert len(list(index_dir(store, TOPIC).glob("rows-*"))) == 1


def test_rebuild_begins_anew_with_files_of_other_names(store: Path) -> None:
    close_one(store)
    buildindex()
    assert buildindex("--rebuild") == "The index is up to date. Generations built: 1.\n"
    assert [path.stem[-8:] for path in index_dir(store, TOPIC).glob("rows-*")] == ["00000002"]
    next(index_dir(store, TOPIC).glob("names-*")).unlink()
    buildindex()
    assert [path.stem[-8:] for path in index_dir(store, TOPIC).glob("rows-*")] == ["00000003"]


@pytest.mark.parametrize("step", ["parts_for", "prepare_rollups"])
def test_a_segment_that_is_replaced_while_it_is_read_is_read_again(
    store: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """By a longer one, of another name; before it is opened, and after it was read."""
    path = close_one(store)
    real = getattr(builder, step)

    def replaced(*args: object) -> object:
        if path.exists():
            path.rename(path.with_name(path.name.replace("0002.csv", "0003.csv")))
        return real(*args)

    monkeypatch.setattr(builder, step, replaced)
    assert buildindex() == "The index is up to date. Generations built: 1.\n"
    (day,) = read_manifest(index_dir(store, TOPIC)).days
    assert [segment.name[-8:] for segment in day.segments] == ["0003.csv"]


def test_a_segment_that_vanishes_again_and_again_is_told(store: Path) -> None:
    path = close_one(store)
    path.unlink()
    path.symlink_to(store / "nowhere")
    with pytest.raises(CommandError, match=f"{path.name}: No such file"):
        buildindex()


def test_a_second_builder_is_told_of_the_first(store: Path) -> None:
    lock = ProcessLock(index_dir(store, TOPIC) / "LOCK")
    assert lock.acquire()
    with pytest.raises(CommandError, match="builds this index already"):
        buildindex()
    lock.close()


def test_a_damaged_segment_is_named_and_nothing_of_its_rows_is(store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(START, device_id="secret")] * 3)
    path = partition.close()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CommandError) as raised:
        buildindex()
    assert path.name in str(raised.value)
    assert "secret" not in str(raised.value)


def test_it_follows_a_store_and_rests_after_each_build(store: Path, scratch: ScratchDirectory) -> None:
    index = IndexBuilder(store, TOPIC, scratch, lambda *_: None)
    paths = [close_one(store)]
    rests: list[float] = []

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        days = read_manifest(index.directory).days
        if len(rests) == 2:
            assert sum(day.rows for day in days) == 3
            paths[0].unlink()
        return len(rests) == 4

    following.follow(index, wait, lambda: sum(rests))
    assert read_manifest(index.directory).days == ()
    assert list(index.directory.glob("rows-*")) == []
    assert min(rests) >= following.GRACE.total_seconds()


@pytest.mark.parametrize("much", [False, True])
def test_it_rests_four_times_as_long_as_it_built_unless_much_waits(
    store: Path, scratch: ScratchDirectory, monkeypatch: pytest.MonkeyPatch, much: bool
) -> None:
    monkeypatch.setattr(following, "MUCH", 1 if much else 2**40)
    now, built = 0.0, list[float]()

    def wrote(*_: int) -> None:
        nonlocal now
        now += 20
        built.append(now)

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        partition.commit([make_event(START)])
        partition.close()
        return now > 150

    partition = Partition(store)
    following.follow(IndexBuilder(store, TOPIC, scratch, wrote), wait, lambda: now)
    pauses = {later - earlier for earlier, later in pairwise(built)}
    assert pauses == ({25} if much else {100})


def test_a_follower_outlives_what_it_cannot_read(
    store: Path, scratch: ScratchDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    index = IndexBuilder(store, TOPIC, scratch, lambda *_: None)
    path = close_one(store)
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    rounds = 0

    def wait(_: float) -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            path.write_bytes(good)
        return rounds == 3

    following.follow(index, wait, lambda: 0.0)
    assert "The index is not up to date" in caplog.text
    assert [day.rows for day in read_manifest(index.directory).days] == [3]


def test_who_is_forgotten_is_in_no_file_of_the_index(store: Path) -> None:
    partition = Partition(store)
    partition.commit(
        [
            make_event(START, device_id=name, session_id=f"session of {name}", page_path=f"/of/{name}")
            for name in ("stays", "goes")
        ]
    )
    partition.close()
    buildindex()
    call_command("forget", "--device", "goes", "--yes", stdout=StringIO())
    buildindex()
    content = b"".join(path.read_bytes() for path in index_dir(store, TOPIC).glob("*-*"))
    assert b"/of/stays" in content
    assert b"goes" not in content
