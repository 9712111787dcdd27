"""Files as lines and rows: line numbers, bad lines, compression, and bounded memory."""

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from analytics_app.importing.errors import DamagedInputError, ImportFileError
from analytics_app.importing.reading import MAX_LINE_BYTES, open_input
from analytics_app.importing.records import CsvRecords, Record, format_of, ndjson_records

CSV = b"id,note\r\n1,one\r\n2,two\r\n"


def lines_of(path: Path) -> list[bytes]:
    with open_input(str(path)) as file:
        return list(file.lines())


def csv_of(data: bytes, delimiter: str = ",") -> list[Record]:
    return list(CsvRecords(iter(io.BytesIO(data)), delimiter))


def told(found: Iterable[Record]) -> list[tuple[int, Any]]:
    """Each row's line number, and its cells or the code of its problem."""
    return [(record.line, str(record.problem[0]) if record.problem else record.row) for record in found]


@pytest.mark.parametrize("data", [CSV, gzip.compress(CSV), gzip.compress(CSV[:9]) + gzip.compress(CSV[9:])])
@pytest.mark.parametrize("name", ["a.csv", "a.gz"])
def test_gzip_is_known_by_its_bytes_not_by_its_name(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert lines_of(path) == [b"id,note\r\n", b"1,one\r\n", b"2,two\r\n"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid\n\xef\xbb\xbf1\n")
    assert lines_of(path) == [b"id\n", b"\xef\xbb\xbf1\n"]


@pytest.mark.parametrize("length", [0, 1])
def test_an_empty_file_has_no_lines(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x"[:length])
    assert len(lines_of(path)) == length


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: data[:50_000] + b"\0" * 2000 + data[52_000:]])
def test_damaged_gzip_gives_the_lines_before_the_damage(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(spoil(gzip.compress(os.urandom(300_000).hex(" ", 8).replace(" ", "\n").encode())))
    found: list[bytes] = []
    with pytest.raises(DamagedInputError, match="gzip data"), open_input(str(path)) as file:
        found.extend(file.lines())
    assert len(found) > 10


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises((ImportFileError, DamagedInputError), match=r"No such file|directory"):
        lines_of(tmp_path / name)


def test_a_file_that_is_written_to_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    with open_input(str(path)) as file:
        before = file.digest(lambda _: None)
        unchanged = file.changed
        with path.open("ab") as other:
            other.write(b"3,x\n")
        assert (unchanged, file.changed) == (False, True)
    with open_input(str(path)) as file:
        assert file.digest(lambda _: None) != before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", ("csv", ",")),
        ("A.CSV.GZ", ("csv", ",")),
        ("a.tsv", ("csv", "\t")),
        ("a.ndjson.gz", ("ndjson", ",")),
        ("a.jsonl", ("ndjson", ",")),
        ("a.json", None),
        ("-", None),
    ],
)
def test_the_name_says_the_format(name: str, expected: Any) -> None:
    assert format_of(name) == expected


def test_csv_rows_have_the_number_of_their_first_line() -> None:
    data = b'id,note\n1,"a\nb\r\nc"\n\n2,x\n3\n4,\xe9\n5,"x"y\n6,\n'
    assert told(csv_of(data)) == [
        (2, {"id": "1", "note": "a\nb\r\nc"}),
        (6, {"id": "2", "note": "x"}),
        (7, "wrong_columns"),
        (8, "not_utf8"),
        (9, "not_csv"),
        (10, {"id": "6"}),
    ]
    assert [record.raw for record in csv_of(data)][:2] == [b'1,"a\nb\r\nc"\n', b"2,x\n"]


@pytest.mark.parametrize("rest", [b"", b'9,"z"\n', b"9,z\n" * 60_000])
def test_a_quote_that_is_never_closed_costs_one_line(rest: bytes) -> None:
    found = told(csv_of(b'id,note\n1,a\n2,"open\n3,b\n4,c\n' + rest))
    assert found[:4] == [
        (2, {"id": "1", "note": "a"}),
        (3, "not_csv"),
        (4, {"id": "3", "note": "b"}),
        (5, {"id": "4", "note": "c"}),
    ]
    assert len(found) == 4 + rest.count(b"\n")


def test_a_row_of_ever_more_lines_is_bad_before_it_fills_the_memory() -> None:
    cell = b',"' + b"x" * 1000 + b'\n"'
    found = csv_of(b"id,note\n1" + cell * 1100 + b"\n2,x\n")
    assert found[0].problem == ("not_csv", "The row is not CSV: it has more than 1048576 bytes.")
    assert (found[-1].line, found[-1].row) == (1103, {"id": "2", "note": "x"})


def test_a_line_that_is_too_long_is_bad_and_the_next_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\n" + b"x" * (3 * MAX_LINE_BYTES + 5) + b"\n2\n")
    lines = lines_of(path)
    assert [len(line) for line in lines] == [3, MAX_LINE_BYTES, 2]
    assert told(CsvRecords(iter(lines), ",")) == [(2, "line_too_long"), (3, {"id": "2"})]
    assert told(ndjson_records(iter(lines[1:]))) == [(1, "line_too_long"), (2, "not_an_object")]


def test_the_columns_of_a_header() -> None:
    assert CsvRecords(iter([b" id ;;b\n"]), ";").header == ["id", "column_2", "b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\nid\n", "empty"),
        (b"id,b,id\n", "id more than once"),
        (b"\xe9\n", "UTF-8"),
        (b'"id\n', "not CSV"),
    ],
)
def test_what_is_no_header(data: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        csv_of(data)


def test_ndjson_lines() -> None:
    data = b'{"a": 1}\n\n[1]\n{"a": NaN}\n"\xe9"\n{"a": "\\ud800"}\n' + b"[" * 5000 + b'\n{"a": null}'
    assert told(ndjson_records(iter(io.BytesIO(data)))) == [
        (1, {"a": 1}),
        (3, "not_an_object"),
        (4, "not_json"),
        (5, "not_utf8"),
        (6, "not_json"),
        (7, "not_json"),
        (8, {"a": None}),
    ]


def test_memory_does_not_grow_with_the_file() -> None:
    """A pipe of 60 MB, unpacked from gzip, with an unclosed quote in it, in a process that may have 40 MB more."""
    program = (
        "import resource\n"
        "from analytics_app.importing.reading import open_input\n"
        "from analytics_app.importing.records import CsvRecords\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_input('-') as file:\n"
        "    rows = sum(1 for _ in CsvRecords(file.lines(), ','))\n"
        "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)\n"
    )
    row = b"1," + b"x" * 1000 + b"\n"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def feed(pipe: Any) -> None:
            with gzip.GzipFile(fileobj=pipe, mode="wb", compresslevel=1) as packed:
                packed.write(b"id,note\n" + row * 10_000 + b'1,"open\n')
                for _ in range(50):
                    packed.write(row * 1000)
            pipe.close()

        feeder = threading.Thread(target=feed, args=[process.stdin])
        feeder.start()
        rows, grown = process.stdout.read().split()
        feeder.join()
    assert int(rows) == 60_001
    assert int(grown) * 1024 < 40 * 1024 * 1024
