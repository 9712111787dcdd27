"""The SQL page. A query runs when its text is sent or when it was saved, never because of an address alone."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard_app.access import for_signed_in, may_run_sql
from dashboard_app.export import make_csv, plain
from dashboard_app.models import SQL, SavedReport
from dashboard_app.presenting.values import make_moment
from dashboard_app.sql.presenting import TABLE, VIEWS, cell_text, result_chart, result_table
from dashboard_app.sql.reference import COLUMN_REFERENCE, EXAMPLES
from dashboard_app.sql.runner import SqlError, SqlResult, run_sql

# What a browser shows without getting slow; downloads have all rows of the limit.
SHOWN_ROWS: Final = 1000
_STATUS: Final = {"busy": 503, "store": 503}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_signed_in
def editor(request: HttpRequest) -> HttpResponse:
    """The editor; a POST runs what is in it."""
    _check_permission(request)
    if request.method != "POST":
        return render(request, "dashboard_app/sql.html", _page(EXAMPLES[0][1], TABLE))
    return _answer(request, request.POST.get("sql", ""), request.POST.get("view", TABLE))


@require_safe
@never_cache
@for_signed_in
def saved_query(request: HttpRequest, pk: int) -> HttpResponse:
    """A saved query with its result."""
    _check_permission(request)
    saved = get_object_or_404(SavedReport, pk=pk, report=SQL)
    query = QueryDict(saved.query)
    return _answer(request, query.get("sql", ""), query.get("view", TABLE), saved)


@require_POST
@never_cache
@for_signed_in
def download(request: HttpRequest) -> HttpResponse:
    """The result as a file: CSV, or JSON with `format=json`. A result that the limit cut says so in its name."""
    _check_permission(request)
    try:
        result = run_sql(request.POST.get("sql", ""))
    except SqlError as error:
        return HttpResponse(str(error), status=_STATUS.get(error.code, 400), content_type="text/plain; charset=utf-8")
    table = result_table(result)
    response: HttpResponse
    if request.POST.get("format") == "json":
        rows = [[plain(value) for value in row] for row in table.rows]
        response = JsonResponse({"columns": table.columns, "rows": rows, "more": result.more})
    else:
        text = make_csv(table, bom=bool(request.POST.get("bom")))
        response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"result-first-{len(table.rows)}-rows" if result.more else "result"
    ending = "json" if request.POST.get("format") == "json" else "csv"
    response["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return response


def _check_permission(request: HttpRequest) -> None:
    if not may_run_sql(request.user):
        raise PermissionDenied


def _answer(request: HttpRequest, sql: str, view: str, saved: SavedReport | None = None) -> HttpResponse:
    page = _page(sql, view if view in VIEWS else TABLE) | {"saved": saved}
    try:
        page |= _shown(run_sql(sql), page["view"], timezone.now())
    except SqlError as error:
        return render(request, "dashboard_app/sql.html", page | {"problem": error}, status=_STATUS.get(error.code, 400))
    return render(request, "dashboard_app/sql.html", page)


def _page(sql: str, view: str) -> dict[str, Any]:
    return {
        "sql": sql,
        "view": view,
        "views": VIEWS,
        "query": urlencode({"sql": sql, "view": view}),
        "columns": COLUMN_REFERENCE,
        "examples": EXAMPLES,
        "seconds": settings.SQL_TIME_LIMIT,
        "memory": settings.SQL_MEMORY_LIMIT,
        "limit": settings.SQL_ROW_LIMIT,
    }


def _shown(result: SqlResult, view: str, now: datetime) -> dict[str, Any]:
    chart = result_chart(result, view)
    return {
        "result": result,
        "chart": chart,
        "no_chart": view != TABLE and chart is None,
        "header": [(column.name, column.is_number) for column in result.columns],
        "rows": [
            [(cell_text(value), column.is_number) for value, column in zip(row, result.columns, strict=True)]
            for row in result_table(result).rows[:SHOWN_ROWS]
        ],
        "left_out": max(0, len(result.rows) - SHOWN_ROWS),
        "as_of": result.committed_at and make_moment(result.committed_at, now, ZoneInfo(settings.TIME_ZONE)),
    }
