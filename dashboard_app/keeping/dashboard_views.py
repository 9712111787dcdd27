"""Dashboards: saved reports on one page, in an order of their own."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard_app.access import for_readers, for_signed_in, may_change, may_run_sql, user_of
from dashboard_app.keeping.answers import check_owner, rename, tell_errors
from dashboard_app.keeping.cards import make_card
from dashboard_app.keeping.forms import EXPIRIES, CardForm, DashboardForm
from dashboard_app.models import SQL, Dashboard, DashboardCard, SavedReport


@require_POST
@for_signed_in
def create_dashboard(request: HttpRequest) -> HttpResponse:
    """An empty dashboard of the user's own."""
    form = DashboardForm(request.POST, instance=Dashboard(owner=user_of(request)))
    if not form.is_valid():
        tell_errors(request, form)
        return redirect("dashboard:saved")
    return redirect("dashboard:dashboard", form.save().pk)


@require_safe
@never_cache
@for_readers
def show_dashboard(request: HttpRequest, pk: int) -> HttpResponse:
    """The cards with their numbers; whoever may change the dashboard also has the means to."""
    dashboard = get_object_or_404(Dashboard.objects.select_related("owner"), pk=pk)
    now, runs_sql = timezone.now(), may_run_sql(request.user)
    placed = list(dashboard.cards.select_related("report"))
    choice = SavedReport.objects.exclude(pk__in=[card.report_id for card in placed])
    shown = {
        "dashboard": dashboard,
        "cards": [(card, make_card(card.report, now, runs_sql=runs_sql, public=False)) for card in placed],
        "may_change": may_change(request.user, dashboard.owner),
        "choice": choice if runs_sql else choice.exclude(report=SQL),
        "expiries": EXPIRIES,
    }
    return render(request, "dashboard_app/dashboard.html", shown)


@require_POST
@for_signed_in
def add_card(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a saved report at the end. 403 for a query by someone who may not run SQL: links may show it to anybody."""
    dashboard = _own(request, pk)
    form = CardForm(request.POST)
    if not form.is_valid():
        raise Http404
    report = form.cleaned_data["report"]
    if report.report == SQL and not may_run_sql(request.user):
        raise PermissionDenied
    last = dashboard.cards.aggregate(last=Max("position"))["last"]
    dashboard.cards.get_or_create(report=report, defaults={"position": 0 if last is None else last + 1})
    return redirect("dashboard:dashboard", pk)


@require_POST
@for_signed_in
def change_card(request: HttpRequest, pk: int, card: int) -> HttpResponse:
    """Move a card (`action` up or down) or take it off (remove)."""
    dashboard = _own(request, pk)
    one = get_object_or_404(DashboardCard, pk=card, dashboard=dashboard)
    match request.POST.get("action"):
        case "remove":
            one.delete()
        case "up":
            _move(dashboard, one, -1)
        case "down":
            _move(dashboard, one, 1)
    return redirect("dashboard:dashboard", pk)


@require_POST
@for_signed_in
def rename_dashboard(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the dashboard another name; its share links stay."""
    return rename(request, DashboardForm(request.POST, instance=_own(request, pk)), "dashboard:dashboard", pk)


@require_POST
@for_signed_in
def delete_dashboard(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove the dashboard and its share links; the saved reports stay."""
    dashboard = _own(request, pk)
    dashboard.delete()
    messages.success(request, f"“{dashboard.name}” is deleted.")
    return redirect("dashboard:saved")


def _own(request: HttpRequest, pk: int) -> Dashboard:
    dashboard = get_object_or_404(Dashboard.objects.select_related("owner"), pk=pk)
    check_owner(request, dashboard)
    return dashboard


def _move(dashboard: Dashboard, card: DashboardCard, by: int) -> None:
    """Let the card and its neighbour change places; positions become 0, 1, 2 and so on."""
    with transaction.atomic():
        cards = list(dashboard.cards.all())
        place = cards.index(card)
        cards.insert(max(0, place + by), cards.pop(place))
        for position, one in enumerate(cards):
            DashboardCard.objects.filter(pk=one.pk).update(position=position)
