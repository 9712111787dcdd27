"""exportcsv: every committed row, closed or not, in one CSV that is safe in a spreadsheet."""

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from brokerlytics.csv_format import COLUMNS
from feeder_app.export import ExportFilter, export_rows
from feeder_app.maintenance.plan import Compression
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.day_builder import QUICK, make_store, run_maintenance
from tests.feeder.support import SECOND, START, TOPIC, columns, paths, record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two partitions; rows closed, rows active, and a torn row after the last commit."""
    for partition in (0, 1):
        writer = open_partition(paths(tmp_path, partition), FeederPolicy(), START)
        for offset in range(4):
            writer.append(columns([record(offset, at=START + offset * SECOND, partition=partition)]))
            if offset == 1:
                writer.commit(START)
                writer.close_segment(START)
        formula = json.dumps({"event_type": "=1+1", "device_id": "-d", "revenue": -5, "currency": "EUR"}).encode()
        writer.append(columns([record(4, value=formula, at=START + 4 * SECOND, partition=partition)]))
        writer.commit(START)
        writer.append(columns([record(5, partition=partition)]))
        writer.release()
        with next(paths(tmp_path, partition).state.glob("*.open")).open("ab") as file:
            file.write(b'torn,"')
    return tmp_path


def exported(root: Path, wanted: ExportFilter) -> list[dict[str, str]]:
    out = io.StringIO()
    seen: list[int] = []
    count = export_rows(root, TOPIC, wanted, out, seen.append)
    rows = list(csv.DictReader(io.StringIO(out.getvalue()), strict=True))
    assert len(rows) == count
    assert seen == sorted(seen)
    return rows


def places(rows: list[dict[str, str]]) -> list[tuple[int, int]]:
    return sorted((int(row["_partition"]), int(row["_offset"])) for row in rows)


def test_every_committed_row_is_there_once(store: Path) -> None:
    rows = exported(store, ExportFilter(raw=True))
    assert places(rows) == [(partition, offset) for partition in (0, 1) for offset in range(5)]
    assert tuple(rows[0]) == COLUMNS
    assert json.loads(rows[0]["properties"])["text"] == 'a,"b"\r\nc'


def test_times_are_half_open_and_types_are_chosen(store: Path) -> None:
    wanted = ExportFilter(start=START + SECOND, end=START + 3 * SECOND)
    assert places(exported(store, wanted)) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert places(exported(store, ExportFilter(event_types=frozenset({"=1+1"})))) == [(0, 4), (1, 4)]
    assert exported(store, ExportFilter(start=START + timedelta(days=1))) == []


def test_formulas_are_made_harmless_unless_raw_is_asked_for(store: Path) -> None:
    formula = ExportFilter(event_types=frozenset({"=1+1"}))
    safe = exported(store, formula)[0]
    assert (safe["event_type"], safe["device_id"], safe["revenue"]) == ("'=1+1", "'-d", "-5")
    raw = exported(store, ExportFilter(event_types=formula.event_types, raw=True))[0]
    assert (raw["event_type"], raw["device_id"]) == ("=1+1", "-d")


def test_the_command_writes_a_file(store: Path, settings: Settings, tmp_path: Path) -> None:
    settings.STORE_DIR = store
    out = tmp_path / "out.csv"
    call_command("exportcsv", "--out", str(out), "--topic", TOPIC, stderr=io.StringIO())
    assert len(list(csv.reader(io.StringIO(out.read_bytes().decode(), newline="")))) == 11
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("exportcsv", "--out", str(tmp_path / "missing" / "out.csv"))
    with pytest.raises(CommandError, match="--start must be before --end"):
        call_command("exportcsv", "--start", "2026-08-23", "--end", "2026-08-22")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_compressed_segment_that_was_cut_is_told(
    tmp_path: Path, settings: Settings, compression: Compression, kept: float
) -> None:
    make_store(tmp_path, days=1, partitions=1)
    run_maintenance(tmp_path, replace(QUICK, compression=compression))
    (path,) = (tmp_path / "data").glob("*/*")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    settings.STORE_DIR = tmp_path
    with pytest.raises(CommandError, match=f"{path.name} is damaged: .*Restore it"):
        call_command("exportcsv", "--out", str(tmp_path / "out.csv"), "--topic", TOPIC)


def test_a_reader_that_has_enough_is_no_error(store: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} manage.py exportcsv --topic {TOPIC} | head -n 1"
    env = {"PATH": "/usr/bin:/bin", "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path / "var"), "STORE_DIR": str(store)}
    done = subprocess.run(command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("event_id,kind,")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
