"""The links between the pages, for every template of the site."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from dashboard_app.access import may_read, may_run_sql
from dashboard_app.presenting.links import page_url, shared_query
from dashboard_app.registry import REPORTS


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    title: str
    url: str
    is_current: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `places`, the reports with the page's range and filters; none for who may not see them."""
    if not hasattr(request, "user") or not may_read(request.user):
        return {"places": []}
    query = shared_query(request.GET)
    places = [
        Place(report.title, page_url(report.name, query), request.path == page_url(report.name)) for report in REPORTS
    ]
    if may_run_sql(request.user):
        places.append(_place(request, "SQL", "sql"))
    return {"places": [*places, _place(request, "Saved", "saved")]}


def _place(request: HttpRequest, title: str, name: str) -> Place:
    url = reverse(f"dashboard:{name}")
    return Place(title, url, request.path.startswith(url))
