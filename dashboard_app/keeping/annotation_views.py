"""The page of annotations, and adding one from wherever a chart is."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from dashboard_app.access import for_readers, for_signed_in, may_change, user_of
from dashboard_app.keeping.answers import back, tell_errors
from dashboard_app.keeping.forms import AnnotationForm
from dashboard_app.models import Annotation
from dashboard_app.presenting.formats import minute

_SHOWN = 500


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_readers
def annotations(request: HttpRequest) -> HttpResponse:
    """All of them, newest first; a POST adds one."""
    return add_annotation(request) if request.method == "POST" else _list(request)


@for_signed_in
def add_annotation(request: HttpRequest) -> HttpResponse:
    """Its time is read in the project's timezone."""
    with timezone.override(ZoneInfo(settings.TIME_ZONE)):
        form = AnnotationForm(request.POST, instance=Annotation(created_by=user_of(request)))
        valid = form.is_valid()
    if valid:
        form.save()
        messages.success(request, "The note is on every chart of its time.")
    else:
        tell_errors(request, form)
    return back(request, "dashboard:annotations")


@require_POST
@for_signed_in
def delete_annotation(request: HttpRequest, pk: int) -> HttpResponse:
    """Who wrote it and staff may."""
    annotation = get_object_or_404(Annotation.objects.select_related("created_by"), pk=pk)
    if not may_change(request.user, annotation.created_by):
        raise PermissionDenied
    annotation.delete()
    messages.success(request, "The note is deleted.")
    return redirect("dashboard:annotations")


def _list(request: HttpRequest) -> HttpResponse:
    tz = ZoneInfo(settings.TIME_ZONE)
    found = Annotation.objects.select_related("created_by").order_by("-at", "-pk")[:_SHOWN]
    shown = {
        "annotations": [(one, minute(one.at, tz), may_change(request.user, one.created_by)) for one in found],
        "now": f"{timezone.now().astimezone(tz):%Y-%m-%dT%H:%M}",
        "tz": tz,
    }
    return render(request, "dashboard_app/annotations.html", shown)
