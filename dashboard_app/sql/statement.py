"""Which SQL may run: one SELECT over `events`, made of parts that are known to be harmless.

DuckDB's own parse tree is walked, and what is not on the lists below is refused: a part that a later DuckDB learns
is refused until somebody has looked at it. The functions are the exception, too many to list: those that reach
beyond the rows are refused by name.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb

RELATION: Final = "events"
MAX_CHARACTERS: Final = 20_000
_EXPRESSIONS: Final = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION"),
        *("LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
    }
)
_PARTS: Final = frozenset(
    {
        *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"),
        *("BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"),
        *("DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER"),
        *("ASCENDING", "DESCENDING", "ORDER_DEFAULT"),
    }
)
_TABLE_FUNCTIONS: Final = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
# Settings, variables and sequences; the server and its catalog; state of aggregates as bytes, which DuckDB believes.
_REFUSED_FUNCTIONS: Final = re.compile(
    r"__.*|pg_.*|inet_.*|duckdb_.*|pragma_.*|has_\w+_privilege|current_(setting|schemas?|database|catalog|query|role)"
    r"|(get|set)variable|getenv|user|session_user|in_search_path|nextval|currval|setval|write_log|sleep_ms"
    r"|parse_duckdb_log_message|json_(de)?serialize_(sql|plan)|(col|obj|shobj)_description|get_block_size"
    r"|combine|combine_aggr|finalize|to_aggregate_state|export_state|which_secret|query|query_table|read_\w+|glob"
)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")


class NotAllowedError(Exception):
    """The SQL is not of the kind that runs here; says what is wrong with it and what to do."""


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises NotAllowedError unless `sql` is one SELECT that reads `events` alone. Runs nothing of it."""
    parts = list(_parts(_parse(connection, sql)))
    known = {RELATION, *_own_tables(connection, parts)}
    for part in parts:
        _check_part(part, known)


def _parse(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    if len(sql) > MAX_CHARACTERS:
        raise NotAllowedError(f"The query has more than {MAX_CHARACTERS:,} characters. Shorten it.")
    if "\0" in sql:
        raise NotAllowedError("The query holds a null character. Remove it.")
    (text,) = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone() or ("{}",)
    try:
        tree = json.loads(text)
    except RecursionError:
        raise NotAllowedError("The query is nested too deeply. Split it with WITH.") from None
    if tree.get("error") and tree.get("error_type") == "not implemented":
        raise NotAllowedError("Only SELECT and WITH run here: the store is read-only. (PIVOT: use FILTER instead.)")
    if tree.get("error"):
        place = f" (at character {tree['position']})" if "position" in tree else ""
        raise NotAllowedError(f"Syntax error: {tree['error_message']}{place}.")
    if not tree["statements"]:
        raise NotAllowedError("The query is empty. Write one first.")
    if len(tree["statements"]) != 1:
        raise NotAllowedError(f"One query at a time: this is {len(tree['statements'])}.")
    return tree["statements"]


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the parse tree."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _own_tables(connection: duckdb.DuckDBPyConnection, parts: list[dict[str, Any]]) -> set[str]:
    """The names that the query's WITH gives to its tables: none of them hides a table or a file."""
    taken = {name.lower() for (name,) in connection.execute(_CATALOG).fetchall()}
    names = {entry["key"].lower() for part in parts if "cte_map" in part for entry in part["cte_map"]["map"]}
    for name in names:
        if name in taken or not _IDENTIFIER.fullmatch(name):
            raise NotAllowedError(f"“{name}” cannot be the name of a table of WITH. Choose another one.")
    return names


_CATALOG: Final = "SELECT view_name FROM duckdb_views() UNION ALL SELECT table_name FROM duckdb_tables()"


def _check_part(part: dict[str, Any], known: set[str]) -> None:
    kind, expression = part.get("type"), part.get("class")
    if expression is not None:
        if expression == "PARAMETER":
            raise NotAllowedError("Parameters such as $1 or ? have no value here. Write the value.")
        if expression not in _EXPRESSIONS:
            raise NotAllowedError(f"{expression} is not allowed here.")
        _check_function(str(part.get("function_name", "")).lower(), part)
    elif isinstance(kind, str) and kind not in _PARTS:
        raise NotAllowedError(f"{kind.replace('_', ' ')} is not allowed here: only SELECT over {RELATION} runs.")
    if kind == "BASE_TABLE":
        _check_table(part, known)
    if kind == "TABLE_FUNCTION" and part["function"]["function_name"].lower() not in _TABLE_FUNCTIONS:
        choice = ", ".join(sorted(_TABLE_FUNCTIONS))
        raise NotAllowedError(f"{part['function']['function_name']}() is not allowed in FROM. There are {choice}.")


def _check_function(name: str, part: dict[str, Any]) -> None:
    if _REFUSED_FUNCTIONS.fullmatch(name) or part.get("export_state"):
        raise NotAllowedError(f"The function {name}() is not allowed here.")


def _check_table(part: dict[str, Any], known: set[str]) -> None:
    path = part["qualified_name"]["path"]
    if len(path) != 1 or path[0].lower() not in known or part.get("at_clause"):
        raise NotAllowedError(f"There is no table “{'.'.join(path)}”. The store's only table is {RELATION}.")
