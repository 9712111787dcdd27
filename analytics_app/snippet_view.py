"""The set-up page of a source: snippets to copy, and a box that tells when the first event has come."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics_app.models import RecentEvent, Source
from analytics_app.snippets import filled_sections, is_local


def snippet_page(request: HttpRequest, source: Source, context: dict[str, Any]) -> HttpResponse:
    """`context`: of the admin."""
    host = request.build_absolute_uri("/").rstrip("/")
    newest = RecentEvent.objects.filter(Q(source=source)).first()
    page = {
        "source": source,
        "title": "Set-up snippets",
        "subtitle": source.name,
        "host": host,
        "local": is_local(host),
        "sections": filled_sections(host, source.write_key),
        "newest": newest,
        "last": newest.pk if newest else 0,
    }
    return TemplateResponse(request, "admin/analytics_app/source/snippets.html", context | page)
