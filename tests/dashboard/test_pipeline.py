"""The page of the pipeline: what it says against what stands in the store and in the database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics_app.models import IntakeCount, Source
from brokerlytics.checkpoint import Checkpoint, CheckpointFile, Gap, read_checkpoint
from brokerlytics.heartbeat import Heartbeat, PartitionStatus, State, write_heartbeat
from dashboard_app.reading.letter_counts import LetterCounts
from tests.dashboard.store_builder import TOPIC, Partition, make_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader_client(store: Path, client: Client) -> Client:  # noqa: ARG001 (the store is set up first)
    client.force_login(User.objects.create_user("reader"))
    return client


def tables(client: Client, query: str = "") -> dict[str, list[dict[str, Any]]]:
    """The rows of each table by the names of their columns."""
    document = client.get(f"/api/v1/stats/pipeline{query}").json()
    return {
        table["name"]: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        for table in document["tables"]
    }


def headline(client: Client) -> dict[str, Any]:
    return {row["measure"]: row["value"] for row in tables(client)["headline"]}


def write_letters(partition: Partition, reasons: list[str], *, uncommitted: str = "") -> None:
    """Replace the partition's dead letters and commit them."""
    lines = "".join(json.dumps({"reason": reason, "offset": 1}) + "\n" for reason in reasons)
    partition.paths.dead_letters.write_text(lines + uncommitted)
    change(partition, dead_letter_bytes=len(lines), dead_letters=len(reasons))


def change(partition: Partition, **fields: Any) -> None:
    checkpoint = read_checkpoint(partition.paths.checkpoint) or Checkpoint()
    partition.sequence = checkpoint.sequence + 1
    values = {name: getattr(checkpoint, name) for name in checkpoint.__struct_fields__}
    file = CheckpointFile(partition.paths.checkpoint)
    file.write(Checkpoint(**{**values, "sequence": partition.sequence, **fields}))
    file.close()


def beat(root: Path, *partitions: PartitionStatus) -> None:
    now = datetime.now(UTC)
    heartbeat = Heartbeat(
        feeder="f1", host="h", pid=7, topic=TOPIC, beat_at=now, started_at=now, rows=5, partitions=partitions
    )
    write_heartbeat(root, heartbeat)


def status(number: int, **fields: Any) -> PartitionStatus:
    return PartitionStatus(
        partition=number, next_offset=2, state=State.RUNNING, moved_at=datetime.now(UTC), **{"lag": None, **fields}
    )


def test_rates_and_lag_are_those_of_the_heartbeats(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now())] * 2)
    beat(store, status(0, lag=30, arriving=0.1, storing=1.5), status(1, lag=4, arriving=0.2), status(2))
    found = headline(reader_client)
    assert (found["lag"], found["arriving_per_second"], found["storing_per_second"]) == (34, 0.3, 1.5)
    partitions = tables(reader_client)["partitions"]
    assert [(row["partition"], row["lag"], row["rows"]) for row in partitions] == [(0, 30, 2), (1, 4, 0), (2, None, 0)]
    assert [(row["feeder"], row["partitions"]) for row in tables(reader_client)["feeders"]] == [("f1", 3)]


def test_without_a_feeder_nobody_knows_the_lag_and_the_page_says_so(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now())])
    found = headline(reader_client)
    assert (found["lag"], found["arriving_per_second"], found["rows"]) == (None, None, 1)
    page = reader_client.get("/pipeline/").content.decode()
    assert "No feeder runs" in page
    assert "no feeder" in page


def test_an_empty_store_has_a_page_as_well(reader_client: Client) -> None:
    page = reader_client.get("/pipeline/").content.decode()
    assert "Nothing is stored of this topic" in page
    assert "No events yet" not in page


def test_files_bytes_and_days_are_those_of_the_disk(store: Path, reader_client: Client) -> None:
    partition = Partition(store)
    partition.commit([make_event(timezone.now() - timedelta(days=3))])
    closed = partition.close()
    partition.commit([make_event(timezone.now())] * 4)
    sizes = {row["kind"]: row for row in tables(reader_client)["sizes"]}
    assert (sizes["closed"]["files"], sizes["closed"]["bytes"]) == (1, closed.stat().st_size)
    assert sizes["closed"]["first_day"] == sizes["closed"]["last_day"] == "2026-11-23"
    assert (sizes["active"]["files"], sizes["active"]["bytes"]) == (1, partition.active.stat().st_size)
    assert headline(reader_client)["bytes"] == closed.stat().st_size + partition.active.stat().st_size


def test_dead_letters_are_counted_by_reason_over_all_partitions(store: Path, reader_client: Client) -> None:
    first, second = Partition(store, 0), Partition(store, 1)
    for partition in (first, second):
        partition.commit([make_event(timezone.now())])
    write_letters(first, ["not_json", "missing_field", "not_json"], uncommitted='{"reason": "too_long"}\n')
    write_letters(second, ["missing_field", "not_json"])
    change(second, gaps=(Gap(start=5, end=25),))
    assert tables(reader_client)["letters"] == [
        {"reason": "not_json", "dead_letters": 3},
        {"reason": "missing_field", "dead_letters": 2},
    ]
    assert headline(reader_client)["dead_letters"] == 5
    assert [row["lost_offsets"] for row in tables(reader_client)["partitions"]] == [0, 20]


def test_a_count_goes_on_where_the_last_one_ended_and_a_new_file_is_counted_anew(store: Path) -> None:
    partition, counts = Partition(store), LetterCounts()
    partition.commit([make_event(timezone.now())])
    assert counts.by_reason(store, TOPIC) == {}
    write_letters(partition, ["not_json"])
    assert counts.by_reason(store, TOPIC) == {"not_json": 1}
    # What is counted is not read again: it may be overwritten.
    write_letters(partition, ["NOT_JSON", "too_long", "too_long"])
    assert counts.by_reason(store, TOPIC) == {"too_long": 2, "not_json": 1}
    kept = partition.paths.dead_letters.with_suffix(".old")
    partition.paths.dead_letters.rename(kept)
    write_letters(partition, ["empty_value"])
    assert counts.by_reason(store, TOPIC) == {"empty_value": 1}


def test_a_damaged_dead_letter_is_told_and_the_rest_is_shown(store: Path, reader_client: Client) -> None:
    partition = Partition(store)
    partition.commit([make_event(timezone.now())])
    write_letters(partition, ["not_json"])
    partition.paths.dead_letters.write_text("x" * 64)
    page = reader_client.get("/pipeline/").content.decode()
    assert "verifystore" in page
    assert headline(reader_client)["rows"] == 1


def test_outcomes_are_those_of_the_days_that_the_range_touches(reader_client: Client) -> None:
    today = timezone.now().date()
    source = Source.objects.create(name="shop")
    outcomes = [
        (source, 0, "accepted", 90),
        (source, 0, "missing_field", 3),
        (None, 0, "missing_field", 4),
        (source, 1, "too_long", 8),
        (source, 40, "too_long", 100),
    ]
    for whose, days, code, events in outcomes:
        IntakeCount.objects.create(source=whose, day=today - timedelta(days=days), code=code, events=events)
    found = tables(reader_client, "?range=7d")
    assert found["intake"] == [
        {"code": "accepted", "accepted": True, "events": 90},
        {"code": "too_long", "accepted": False, "events": 8},
        {"code": "missing_field", "accepted": False, "events": 7},
    ]
    assert {row["measure"]: row["value"] for row in found["headline"]}["rejected_events"] == 15


def test_stored_events_are_shown_by_the_time_they_were_received(store: Path, reader_client: Client) -> None:
    late = make_event(timezone.now() - timedelta(days=3))
    late.received_on = timezone.now()
    Partition(store).commit([late, make_event(timezone.now() - timedelta(days=2))])
    assert sum(row["Events"] for row in tables(reader_client, "?range=24h")["received"]) == 1
    found = headline(reader_client)
    assert found["oldest_event"] < found["newest_event"] < found["last_received"]
