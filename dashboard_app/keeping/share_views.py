"""Share links: whoever has one sees one saved report or dashboard, and nothing else."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard_app.access import for_signed_in, may_change, may_run_sql, user_of
from dashboard_app.keeping.answers import check_owner, show_secret, tell_errors
from dashboard_app.keeping.cards import make_card
from dashboard_app.keeping.forms import ShareForm
from dashboard_app.models import SQL, Dashboard, DashboardCard, SavedReport, ShareLink


@require_POST
@for_signed_in
def share_report(request: HttpRequest, pk: int) -> HttpResponse:
    """A link to a saved report."""
    return _share(request, get_object_or_404(SavedReport, pk=pk))


@require_POST
@for_signed_in
def share_dashboard(request: HttpRequest, pk: int) -> HttpResponse:
    """A link to a dashboard."""
    return _share(request, get_object_or_404(Dashboard, pk=pk))


@require_POST
@for_signed_in
def revoke_link(request: HttpRequest, pk: int) -> HttpResponse:
    """From now on the link opens nothing."""
    link = get_object_or_404(ShareLink.objects.select_related("created_by"), pk=pk)
    if not may_change(request.user, link.created_by):
        raise PermissionDenied
    ShareLink.objects.filter(pk=pk, revoked_on=None).update(revoked_on=timezone.now())
    messages.success(request, "The link is revoked.")
    return redirect("dashboard:saved")


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """What the link shows. 404 for a token that is unknown, revoked or expired: they cannot be told apart."""
    now = timezone.now()
    link = ShareLink.objects.opened_by(token, now)
    if link is None:
        return _sealed(render(request, "dashboard_app/share_gone.html", status=404))
    reports = [link.report] if link.report else [card.report for card in _cards(link)]
    cards = [make_card(one, now, runs_sql=_may_show_sql(link, one), public=True) for one in reports]
    shown = {"title": link.report or link.dashboard, "cards": cards}
    return _sealed(render(request, "dashboard_app/share.html", shown))


def _cards(link: ShareLink) -> list[DashboardCard]:
    return list(link.dashboard.cards.select_related("report__saved_by")) if link.dashboard else []


def _may_show_sql(link: ShareLink, report: SavedReport) -> bool:
    """Both who wrote the query and who shared it may run SQL, still."""
    return report.report == SQL and may_run_sql(report.saved_by) and may_run_sql(link.created_by)


def _share(request: HttpRequest, target: SavedReport | Dashboard) -> HttpResponse:
    check_owner(request, target)
    if _has_sql(target) and not may_run_sql(request.user):
        raise PermissionDenied
    form = ShareForm(request.POST)
    if not form.is_valid():
        tell_errors(request, form)
        return redirect("dashboard:saved")
    token = ShareLink.issue(target, user_of(request).pk, form.expires_on(timezone.now()))
    url = request.build_absolute_uri(reverse("dashboard:share", args=[token]))
    advice = "Whoever has it sees this and nothing else, without signing in. It is shown once: copy it now."
    return show_secret(request, f"Link to “{target.name}”", url, advice, "dashboard:saved")


def _has_sql(target: SavedReport | Dashboard) -> bool:
    if isinstance(target, SavedReport):
        return target.report == SQL
    return target.cards.filter(report__report=SQL).exists()


def _sealed(response: HttpResponse) -> HttpResponse:
    """The address is the secret: no search engine may list it and no other site learn it."""
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    return response
