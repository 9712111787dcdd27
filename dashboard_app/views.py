"""The pages. Thin: check the query, read the numbers, fill the template."""

import logging
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from brokerlytics.checkpoint import CorruptCheckpointError
from dashboard_app.committed import UnreadableStoreError
from dashboard_app.filters import FilterError, parse_filters
from dashboard_app.overview import reader
from dashboard_app.page import make_form, make_moment, make_page

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """The overview page. 400 with the default range when the query is wrong, 503 when the store cannot be read."""
    if settings.DASHBOARD_LOGIN_REQUIRED and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    now, tz = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    problem = ""
    try:
        filters = parse_filters(request.GET, now=now, tz=tz)
    except FilterError as error:
        problem, filters = str(error), parse_filters({}, now=now, tz=tz)
    context: dict[str, Any] = {
        "form": make_form(filters, tz),
        "problem": problem,
    }
    try:
        report = reader().read(filters)
    except (OSError, CorruptCheckpointError, UnreadableStoreError) as error:
        logger.error("The store cannot be read: %s", error)
        return _page(request, {**context, "store_problem": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE)
    context["page"] = make_page(report, filters, now, tz)
    context["as_of"] = report.committed_at and make_moment(report.committed_at, now, tz)
    return _page(request, context, HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK)


def _page(request: HttpRequest, context: dict[str, Any], status: HTTPStatus) -> HttpResponse:
    return render(request, "dashboard_app/overview.html", context, status=status)
