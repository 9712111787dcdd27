"""A reader that knows nothing of us: a glob over the store, again and again, until it is told to stop.

    python -m tests.feeder.reading_all_the_time (python|duckdb) STORE STOP

STOP with the suffix .reads has a byte for each time that it has read. At the end it prints JSON: how often it read,
and every answer that it had: rows, different places, and rows of device d0, which nobody forgets. A file that is gone
when it is opened makes it look again, as anybody would.
"""

import csv
import glob
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from brokerlytics.store import open_segment

Answer = tuple[int, int, int]
GLOB = "data/*/events-p*.csv*"
QUERY = """SELECT count(*), count(DISTINCT (_partition, _offset)), count(*) FILTER (device_id = 'd0')
FROM read_csv($glob, header = true, all_varchar = true)"""


def by_python(root: Path) -> Answer:
    rows: list[dict[str, str]] = []
    for name in glob.glob(str(root / GLOB)):  # noqa: PTH207 (as anybody would)
        with open_segment(Path(name)) as file:
            rows += csv.DictReader(io.StringIO(file.read().decode(), newline=""), strict=True)
    places = {(row["_partition"], row["_offset"]) for row in rows}
    return len(rows), len(places), sum(row["device_id"] == "d0" for row in rows)


def by_duckdb(root: Path) -> Answer:
    try:
        rows, places, kept = duckdb.execute(QUERY, {"glob": str(root / GLOB)}).fetchall()[0]
    except duckdb.IOException as error:
        raise FileNotFoundError from error
    return rows, places, kept


READERS: dict[str, Callable[[Path], Answer]] = {"python": by_python, "duckdb": by_duckdb}


if __name__ == "__main__":
    read, root, stop = READERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    reads, told, vanished, answers = 0, 0, 0, set()
    while not stop.exists():
        try:
            answers.add(read(root))
            reads += 1
        except FileNotFoundError:
            vanished += 1
        with stop.with_suffix(".reads").open("ab") as file:
            file.write(b"." * (reads - told))
        told = reads
    sys.stdout.write(json.dumps({"reads": reads, "vanished": vanished, "answers": sorted(answers)}))
