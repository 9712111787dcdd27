"""Which SQL is refused before anything of it runs."""

from collections.abc import Iterator

import duckdb
import pytest

from dashboard_app.sql.statement import MAX_CHARACTERS, NotAllowedError, check


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("CREATE TABLE secret (password VARCHAR)")
        database.execute(
            "CREATE VIEW events AS SELECT 'signup' AS event_type, 1.5 AS revenue, NULL::JSON AS properties"
        )
        yield database


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT event_type, count(*) FROM events GROUP BY ALL ORDER BY 2 DESC LIMIT 10",
        "select * from EVENTS; -- a comment",
        "FROM events SELECT event_type",
        "(SELECT 1) UNION ALL VALUES (2)",
        "WITH a AS (SELECT * FROM events), b AS MATERIALIZED (FROM a) SELECT * FROM a JOIN b USING (event_type)",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n",
        "SELECT properties ->> '$.plan', sum(revenue) FILTER (revenue > 1) FROM events GROUP BY 1 HAVING count(*) > 0",
        "SELECT row_number() OVER (PARTITION BY event_type ORDER BY revenue), lag(revenue) OVER () FROM events",
        "SELECT date_trunc('day', TIMESTAMP '2026-11-25'), current_date, now(), CAST('1' AS DECIMAL(9, 2)), [1, 2][1]",
        "SELECT * FROM range(3) r, unnest([1]) u, generate_series(1, 2) g, json_each('{\"a\": 1}') j",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM events) THEN 1 END, list_transform([1], lambda x: x + 1)",
        "SELECT quantile_cont(revenue, [0.5]), count(DISTINCT event_type), TRY(1 / 0) FROM events USING SAMPLE 10%",
        "SELECT * EXCLUDE (revenue) FROM events QUALIFY rank() OVER (ORDER BY revenue) = 1",
        "SELECT event_type FROM events UNPIVOT (a FOR b IN (revenue))",
        "SELECT '; DROP TABLE events; COPY' AS \"read_csv('/etc/passwd')\"",
    ],
)
def test_an_analysts_query_is_let_through_and_runs(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    check(connection, sql)
    connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO secret VALUES ('x')",
        "UPDATE secret SET password = ''",
        "DELETE FROM secret",
        "MERGE INTO secret USING events ON true WHEN MATCHED THEN DELETE",
        "CREATE TABLE t AS SELECT 1",
        "CREATE MACRO m() AS 1",
        "DROP VIEW events",
        "ALTER TABLE secret RENAME TO t",
        "COPY events TO '/tmp/x.csv'",
        "EXPORT DATABASE '/tmp/x'",
        "IMPORT DATABASE '/tmp/x'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "RESET memory_limit",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "CHECKPOINT",
        "VACUUM",
        "BEGIN",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "CREATE SECRET (TYPE s3)",
        "PIVOT events ON event_type USING count(*)",
        "COMMENT ON TABLE secret IS 'x'",
    ],
)
def test_what_is_no_select_is_refused(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(NotAllowedError, match="Only SELECT and WITH run here"):
        check(connection, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE events",
        "SUMMARIZE events",
        "SHOW ALL TABLES",
        "SELECT * FROM (SHOW TABLES)",
        "SELECT * FROM (DESCRIBE secret)",
        "WITH x AS (INSERT INTO secret VALUES ('x') RETURNING *) SELECT * FROM x",
        "WITH x AS (UPDATE secret SET password = '' RETURNING *) SELECT * FROM x",
        "WITH x AS MATERIALIZED (DELETE FROM secret RETURNING *) SELECT 1",
    ],
)
def test_statements_inside_a_select_are_refused(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(NotAllowedError, match=r"is not allowed here: only SELECT over events runs"):
        check(connection, sql)


@pytest.mark.parametrize(
    "table",
    [
        "secret",
        "main.events",
        "memory.main.events",
        "temp.events",
        "'/etc/passwd'",
        "'events.csv'",
        '"/tmp/x.parquet"',
        "'https://example.org/x.csv'",
        "duckdb_settings",
        "duckdb_tables",
        "sqlite_master",
        "pg_catalog.pg_settings",
        "information_schema.tables",
        "connection",
        "events AT (VERSION => 1)",
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        "SELECT * FROM {}",
        "SELECT (SELECT count(*) FROM {})",
        "SELECT 1 WHERE 1 IN (FROM {})",
        "WITH a AS (FROM {}) FROM a",
        "SELECT * FROM events JOIN {} ON true",
        "SELECT 1 ORDER BY (SELECT 1 FROM {})",
        "SELECT 1 LIMIT (SELECT 1 FROM {})",
        "SELECT 1 UNION SELECT 1 FROM {}",
        "SELECT sum(1) FILTER (EXISTS (FROM {})) FROM events",
    ],
)
def test_no_other_table_is_read(connection: duckdb.DuckDBPyConnection, table: str, shape: str) -> None:
    with pytest.raises(NotAllowedError, match="There is no table"):
        check(connection, shape.format(table))


@pytest.mark.parametrize(
    "sql",
    [
        "WITH secret AS (SELECT 1) FROM secret",
        "WITH a AS (FROM duckdb_tables), duckdb_tables AS (SELECT 1) FROM a",
        "WITH RECURSIVE pg_settings AS (FROM pg_settings UNION ALL SELECT 1) FROM pg_settings",
        'SELECT (WITH "/etc/passwd" AS (SELECT 1) SELECT 1), (SELECT 1 FROM "/etc/passwd")',
        "SELECT (WITH \"x.csv\" AS (SELECT 1) SELECT 1), (SELECT 1 FROM 'x.csv')",
    ],
)
def test_a_table_of_with_cannot_stand_for_another(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(NotAllowedError, match="cannot be the name of a table of WITH"):
        check(connection, sql)


@pytest.mark.parametrize(
    "call",
    [
        "read_csv('/etc/passwd')",
        "read_csv_auto('/etc/passwd')",
        "read_text('/etc/passwd')",
        "read_blob('/etc/passwd')",
        "read_parquet('/tmp/x')",
        "read_json('/tmp/x')",
        "read_duckdb('/tmp/x')",
        "parquet_metadata('/tmp/x')",
        "sniff_csv('/etc/passwd')",
        "glob('/*')",
        "duckdb_settings()",
        "duckdb_secrets()",
        "duckdb_logs()",
        "pragma_database_size()",
        "which_secret('s3://x', 's3')",
        "query('SELECT 1')",
        "query_table('secret')",
        "histogram_values(secret, password)",
        "arrow_scan(1, 2, 3)",
        "pandas_scan(1)",
        "python_map_function()",
        "seq_scan('secret')",
        "json_execute_serialized_sql('{}')",
        "enable_logging()",
        "checkpoint()",
        "register_external_resource()",
        "test_all_types()",
        "repeat_row(1, num_rows = 1000000000)",
        "main.read_text('/etc/passwd')",
        "\"Read_Text\"('/etc/passwd')",
    ],
)
def test_no_table_function_reaches_beyond_the_query(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    with pytest.raises(NotAllowedError, match="is not allowed in FROM"):
        check(connection, f"SELECT * FROM {call}")


@pytest.mark.parametrize(
    "call",
    [
        "getenv('HOME')",
        "current_setting('temp_directory')",
        "CURRENT_SETTING('secret_directory')",
        "system.main.current_setting('memory_limit')",
        "'temp_directory'.current_setting()",
        "getvariable('x')",
        "current_database()",
        "current_query()",
        "pg_get_viewdef(1)",
        "nextval('s')",
        "write_log('x')",
        "sleep_ms(100000)",
        "pg_sleep(100)",
        "json_serialize_plan('SELECT 1')",
        "finalize('x'::BLOB)",
        "combine(1, 2)",
        "sum(1) EXPORT_STATE",
        "__internal_decompress_string('x')",
        "list_transform(['temp_directory'], lambda x: current_setting(x))",
        "read_text('/etc/passwd')",
        "sum(1) OVER (ORDER BY current_setting('temp_directory'))",
    ],
)
def test_functions_beyond_the_rows_are_refused(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    with pytest.raises(NotAllowedError, match=r"The function \w+\(\) is not allowed here"):
        check(connection, f"SELECT {call}")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "The query is empty"),
        ("-- nothing", "The query is empty"),
        ("SELECT 1; SELECT 2", "One query at a time: this is 2"),
        ("SELECT 1; DROP VIEW events", "Only SELECT and WITH"),
        ("SELEC 1", "Syntax error"),
        ("SELECT 1 INTO x", "Syntax error"),
        ("SELECT ?", "Parameters such as"),
        ("SELECT $sql", "Parameters such as"),
        ("SELECT 1\0; DROP VIEW events", "null character"),
        (f"SELECT '{'x' * MAX_CHARACTERS}'", "more than 20,000 characters"),
    ],
)
def test_what_cannot_run_is_told(connection: duckdb.DuckDBPyConnection, sql: str, message: str) -> None:
    with pytest.raises(NotAllowedError, match=message):
        check(connection, sql)


def test_checking_changes_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(NotAllowedError):
        check(connection, "DROP VIEW events")
    assert connection.execute("SELECT count(*) FROM events").fetchall() == [(1,)]
