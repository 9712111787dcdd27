"""The links between the pages, for every template of the site."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard_app.links import page_url, shared_query
from dashboard_app.registry import REPORTS


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    title: str
    url: str
    is_current: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `places`, the reports with the page's range and filters; none for who may not see them."""
    if settings.DASHBOARD_LOGIN_REQUIRED and not (hasattr(request, "user") and request.user.is_authenticated):
        return {"places": []}
    query = shared_query(request.GET)
    return {
        "places": [
            Place(report.title, page_url(report.name, query), request.path == page_url(report.name))
            for report in REPORTS
        ]
    }
