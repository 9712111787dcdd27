"""The pages and their downloads. Thin: check the query, ask, fill the template."""

import logging
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard_app.access import for_readers
from dashboard_app.asking import STORE_ERRORS, Question, ask, check_names, make_question, names_of
from dashboard_app.export import chosen_tables, make_csv, make_document
from dashboard_app.presenting.bar import added_filter, make_bar
from dashboard_app.presenting.formats import minute
from dashboard_app.presenting.links import replaced, with_query
from dashboard_app.presenting.values import make_moment
from dashboard_app.question.errors import FilterError
from dashboard_app.reader import Answer, TooSlowError
from dashboard_app.registry import report_named
from dashboard_app.report import AnyReport, Query

logger = logging.getLogger(__name__)
_CUSTOM_RANGE: Final = ("range", "from", "to")
# What a download reads beside the report's parameters.
_DOWNLOAD_NAMES: Final = ("table", "bom")


@require_safe
@never_cache
@for_readers
def report_page(request: HttpRequest, name: str) -> HttpResponse:
    """A report's page. 400 without what is wrong in the query, 503 when the numbers cannot be had."""
    report = report_named(name)
    if (complete := added_filter(request.GET)) is not None:
        return HttpResponseRedirect(with_query(request.path, complete))
    question, problem = _understood(report, request.GET, timezone.now())
    context: dict[str, Any] = {"report": report, "problem": problem}
    try:
        answer = ask(question)
    except TooSlowError as error:
        return _unavailable(request, question, {**context, "slow": str(error)})
    except STORE_ERRORS as error:
        logger.error("The store cannot be read: %s", error)
        return _unavailable(request, question, {**context, "store_problem": str(error)})
    context |= _shown(request, question, answer)
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    return render(request, f"dashboard_app/{name}.html", context, status=status)


@require_safe
@never_cache
@for_readers
def report_csv(request: HttpRequest, name: str) -> HttpResponse:
    """One table of a report as a file: the one that `table` names, else the first. `bom=1` is for Excel."""

    def respond(question: Question, answer: Answer) -> HttpResponse:
        table = chosen_tables(question, answer)[0]
        response = HttpResponse(
            make_csv(table, bom=bool(request.GET.get("bom"))), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="{name}-{table.name}.csv"'
        return response

    return _download(request, name, respond)


@require_safe
@never_cache
@for_readers
def report_json(request: HttpRequest, name: str) -> HttpResponse:
    """A report's tables as a file, as the API gives them."""

    def respond(question: Question, answer: Answer) -> HttpResponse:
        response = JsonResponse(make_document(question, answer))
        response["Content-Disposition"] = f'attachment; filename="{name}.json"'
        return response

    return _download(request, name, respond)


def _understood(report: AnyReport, query: Query, now: datetime) -> tuple[Question, str]:
    """What is asked without what is wrong in the query, and what that is, of several the first; empty for nothing."""
    problem = ""
    try:
        check_names(report, query)
    except FilterError as error:
        problem = str(error)
        query = MultiValueDict({name: query.getlist(name) for name in names_of(report) if name in query})
    while True:
        try:
            return make_question(report, query, now), problem
        except FilterError as error:
            problem = problem or str(error)
            query = _without(query, error.parameter, error.value)


def _without(query: Query, parameter: str, value: str) -> Query:
    """The query without the parameter's wrong value, the last where it is not known.

    A custom range goes as a whole, and everything where the parameter is not there.
    """
    if parameter in _CUSTOM_RANGE and any(query.getlist(name) for name in _CUSTOM_RANGE):
        return replaced(query, **{name: [] for name in _CUSTOM_RANGE})
    values = query.getlist(parameter)
    if values:
        wrong = value if value in values else values[-1]
        return replaced(query, **{parameter: [one for one in values if one != wrong]})
    return QueryDict()


def _download(request: HttpRequest, name: str, respond: Callable[[Question, Answer], HttpResponse]) -> HttpResponse:
    report = report_named(name)
    try:
        check_names(report, request.GET, *_DOWNLOAD_NAMES)
        question = make_question(report, request.GET, timezone.now())
        return respond(question, ask(question))
    except FilterError as error:
        return HttpResponse(str(error), status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    except (TooSlowError, *STORE_ERRORS) as error:
        logger.error("The download of %s failed: %s", name, error)
        return HttpResponse(str(error), status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8")


def _shown(request: HttpRequest, question: Question, answer: Answer) -> dict[str, Any]:
    filters, tz, now = question.filters, question.context.tz, question.context.now
    return {
        **question.report.present(answer.result, filters, question.options, question.context),
        "form": make_bar(question.report, filters, question.context.query, request.path, answer.sources),
        "range": f"{minute(filters.range.start, tz)} to {minute(filters.range.end, tz)} ({tz})",
        "as_of": answer.committed_at and make_moment(answer.committed_at, now, tz),
        "noted_at": f"{now.astimezone(tz):%Y-%m-%dT%H:%M}",
        "newest_on": answer.newest_on and make_moment(answer.newest_on, now, tz),
        "is_empty_range": answer.is_empty,
        "is_empty_store": answer.is_empty and answer.newest_on is None,
        "csv_path": reverse(f"dashboard:{question.report.name}-csv"),
        "json_path": reverse(f"dashboard:{question.report.name}-json"),
        "export_query": with_query("", question.context.query).removeprefix("?"),
    }


def _unavailable(request: HttpRequest, question: Question, context: dict[str, Any]) -> HttpResponse:
    form = make_bar(question.report, question.filters, question.context.query, request.path, ())
    context = {**context, "form": form}
    return render(request, "dashboard_app/report.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)
