"""`python -m dashboard_app.sql.child`: runs one query in a process of its own, which ends with it.

Reads a request from standard input and writes the answer to standard output. Whatever a query does to
this process, the web worker only loses a child.
"""

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec

from brokerlytics.checkpoint import CorruptCheckpointError
from dashboard_app.reading.committed import CommittedStore, UnreadableStoreError, looking_again
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.sql.exchange import MAX_BYTES, Answer, Column, Request
from dashboard_app.sql.plain_values import plain
from dashboard_app.sql.process_limits import limit_process
from dashboard_app.sql.statement import NotAllowedError, check

_CHUNK_ROWS = 200


def main() -> None:
    """Answers the one request, if the one that asked still lives."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    limit_process(seconds=request.seconds * (os.cpu_count() or 1) + 1, memory=request.memory)
    if os.getppid() == request.asker:
        sys.stdout.buffer.write(msgspec.json.encode(answer(request)))


def answer(request: Request) -> Answer:
    """The result of the request's query over the rows that are committed now, or what was wrong."""
    try:
        scratch = ScratchDirectory(Path(request.scratch))
        store = CommittedStore(Path(request.store), request.topic, scratch, memory=request.memory)
        return looking_again(lambda: _read(request, store))
    except FileNotFoundError:
        return Answer(error="store", message="The store was just being rewritten. Run the query again.")
    except (OSError, CorruptCheckpointError, UnreadableStoreError) as error:
        return Answer(error="store", message=f"The store cannot be read: {error}")
    except MemoryError:
        return _out_of_memory(request)


def _read(request: Request, store: CommittedStore) -> Answer:
    with store.look() as look, store.rows(look) as connection:
        try:
            check(connection, request.sql)
            result = connection.execute(request.sql)
            columns = [Column(name, str(kind)) for name, kind, *_ in result.description or ()]
            return _collect(columns, _rows(result), request, look.committed_at)
        except NotAllowedError as error:
            return Answer(error="not_allowed", message=str(error))
        except duckdb.OutOfMemoryException:
            return _out_of_memory(request)
        except duckdb.IOException:
            # Of the store's files, for there are no others: `rows` tells whether they were replaced.
            raise
        except duckdb.Error as error:
            return Answer(error="failed", message=str(error)[:2000])


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    while chunk := result.fetchmany(_CHUNK_ROWS):
        yield from chunk


def _collect(
    columns: list[Column], rows: Iterator[tuple[object, ...]], request: Request, committed_at: datetime | None
) -> Answer:
    taken: list[list[object]] = []
    size = 0
    for row in rows:
        if len(taken) == request.rows:
            return Answer(columns=columns, rows=taken, more=True, committed_at=committed_at)
        taken.append([plain(value) for value in row])
        size += len(msgspec.json.encode(taken[-1]))
        if size > MAX_BYTES:
            message = f"The result is larger than {MAX_BYTES // 1024 // 1024} MB. Choose fewer columns or rows."
            return Answer(error="too_large", message=message)
    return Answer(columns=columns, rows=taken, committed_at=committed_at)


def _out_of_memory(request: Request) -> Answer:
    message = f"The query needs more than {request.memory} MB of memory. Read fewer columns, or a shorter time."
    return Answer(error="too_much_memory", message=message)


if __name__ == "__main__":
    main()
