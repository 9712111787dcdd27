"""The page of what is kept, and saving a report."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard_app.access import for_readers, for_signed_in, may_change, may_run_sql, user_of
from dashboard_app.keeping.answers import back, check_owner, rename, tell_errors
from dashboard_app.keeping.forms import EXPIRIES, RenameForm, SavedReportForm
from dashboard_app.models import SQL, Dashboard, SavedReport, ShareLink
from dashboard_app.presenting.links import page_url
from dashboard_app.registry import REPORTS


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_readers
def saved(request: HttpRequest) -> HttpResponse:
    """What is kept; a POST saves a report."""
    return save(request) if request.method == "POST" else _list(request)


@for_signed_in
def save(request: HttpRequest) -> HttpResponse:
    """Save a report with its query, in place of one's own of the same name. 403 for SQL without the permission."""
    if request.POST.get("report") == SQL and not may_run_sql(request.user):
        raise PermissionDenied
    user = user_of(request)
    own = SavedReport.objects.filter(
        saved_by=user, report=request.POST.get("report", ""), name=request.POST.get("name", "").strip()
    )
    form = SavedReportForm(request.POST, instance=own.first() or SavedReport(saved_by=user))
    if not form.is_valid():
        tell_errors(request, form)
        return back(request, "dashboard:saved")
    report = form.save()
    messages.success(request, f"“{report.name}” is saved.")
    return redirect("dashboard:saved-query", report.pk) if report.report == SQL else back(request, "dashboard:saved")


def _list(request: HttpRequest) -> HttpResponse:
    titles = {report.name: report.title for report in REPORTS} | {SQL: "SQL"}
    reports = SavedReport.objects.select_related("saved_by")
    links = ShareLink.objects.live(timezone.now()).select_related("report", "dashboard", "created_by")
    shown = {
        "reports": [
            (one, titles.get(one.report, one.report), may_change(request.user, one.saved_by)) for one in reports
        ],
        "dashboards": [
            (one, one.cards.count(), may_change(request.user, one.owner))
            for one in Dashboard.objects.select_related("owner")
        ],
        "links": [link for link in links if may_change(request.user, link.created_by)],
        "expiries": EXPIRIES,
        "may_run_sql": may_run_sql(request.user),
        "sql": SQL,
    }
    return render(request, "dashboard_app/saved.html", shown)


@require_safe
@never_cache
@for_readers
def open_saved(request: HttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """To the page that shows it."""
    report = get_object_or_404(SavedReport, pk=pk)
    if report.report == SQL:
        return redirect("dashboard:saved-query", pk)
    return redirect(page_url(report.report, QueryDict(report.query)))


@require_POST
@for_signed_in
def rename_saved(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a saved report another name; its cards and share links stay."""
    report = get_object_or_404(SavedReport, pk=pk)
    check_owner(request, report)
    return rename(request, RenameForm(request.POST, instance=report), "dashboard:saved")


@require_POST
@for_signed_in
def delete_saved(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a saved report, its cards and its share links."""
    report = get_object_or_404(SavedReport, pk=pk)
    check_owner(request, report)
    report.delete()
    messages.success(request, f"“{report.name}” is deleted.")
    return redirect("dashboard:saved")
