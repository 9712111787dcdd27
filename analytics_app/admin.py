"""The Django admin: sources with their write keys, and what became of their events. `simulation_admin` has the runs."""

from datetime import UTC
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics_app.debugger import debugger_news, debugger_page
from analytics_app.models import IntakeCount, RecentEvent, SimulationRun, Source
from analytics_app.simulation_admin import SimulationRunAdmin
from analytics_app.snippet_view import snippet_page
from brokerlytics.intake_counts import ACCEPTED
from brokerlytics.read_only_admin import ReadOnlyAdmin

# What is deleted with its source.
_OF_SOURCES: Final = {"intake count", "recent event"}


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    list_display = [*("name", "pages", "write_key", "enabled", "accepted_today", "rejected_today", "rotated_on")]
    search_fields = ["name", "write_key"]
    fields = ["name", "write_key", "enabled", "allowed_origins", "rate_limit", "created_on", "rotated_on"]
    readonly_fields = ["write_key", "created_on", "rotated_on"]
    actions = ["rotate", "enable", "disable"]

    def get_urls(self) -> list[URLPattern]:
        names = "analytics_app_source"
        view = self.admin_site.admin_view
        return [
            path("setup/", view(self.setup), name="source_setup"),
            path("unknown/debugger/", view(self.debugger), name=f"{names}_unknown_debugger"),
            path("unknown/debugger/news/", view(self.news), name=f"{names}_unknown_news"),
            path("<int:pk>/debugger/", view(self.debugger), name=f"{names}_debugger"),
            path("<int:pk>/debugger/news/", view(self.news), name=f"{names}_news"),
            path("<int:pk>/snippets/", view(self.snippets), name=f"{names}_snippets"),
            *super().get_urls(),
        ]

    def debugger(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        return debugger_page(request, self._source(request, pk), self._context(request))

    def news(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        return debugger_news(request, self._source(request, pk))

    def setup(self, request: HttpRequest) -> HttpResponse:
        """To the snippets of the only source; where there is a choice, to the list of sources."""
        self._check_view(request)
        sources = list(Source.objects.all()[:2])
        if len(sources) == 1:
            return redirect("admin:analytics_app_source_snippets", sources[0].pk)
        return redirect("admin:analytics_app_source_changelist")

    def snippets(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._check_view(request)
        return snippet_page(request, get_object_or_404(Source, pk=pk), self._context(request))

    def _source(self, request: HttpRequest, pk: int | None) -> Source | None:
        self._check_view(request)
        return None if pk is None else get_object_or_404(Source, pk=pk)

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        today = Q(intake_counts__day=timezone.now().astimezone(UTC).date())
        accepted = Q(intake_counts__code=ACCEPTED)
        sources: QuerySet[Source] = super().get_queryset(request)
        return sources.annotate(
            accepted_today=Sum("intake_counts__events", filter=today & accepted, default=0),
            rejected_today=Sum("intake_counts__events", filter=today & ~accepted, default=0),
        )

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Counts and recent events go with their source, though nobody may delete them alone; they are not listed."""
        _, counts, permissions, protected = super().get_deleted_objects(objs, request)
        return [str(source) for source in objs], counts, permissions - _OF_SOURCES, protected

    @admin.display(description="Accepted today", ordering="accepted_today")
    def accepted_today(self, source: Any) -> int:
        return int(source.accepted_today)

    @admin.display(description="Rejected today", ordering="rejected_today")
    def rejected_today(self, source: Any) -> int:
        return int(source.rejected_today)

    @admin.display(description="Pages")
    def pages(self, source: Source) -> SafeString:
        debugger = reverse("admin:analytics_app_source_debugger", args=[source.pk])
        snippets = reverse("admin:analytics_app_source_snippets", args=[source.pk])
        return format_html('<a href="{}">Debugger</a> <a href="{}">Snippets</a>', debugger, snippets)

    @admin.action(description="Rotate the write keys (the old ones are refused from now on)", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            source.rotate(timezone.now())
        messages.success(request, f"{len(queryset)} write keys were rotated.")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        messages.success(request, f"{queryset.update(enabled=True)} sources were enabled.")

    @admin.action(description="Disable (events with their keys are refused)", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        messages.success(request, f"{queryset.update(enabled=False)} sources were disabled.")


@admin.register(IntakeCount)
class IntakeCountAdmin(ReadOnlyAdmin):
    list_display = ["day", "source", "code", "events"]
    list_filter = ["source", "code", "day"]
    list_select_related = ["source"]
    date_hierarchy = "day"


@admin.register(RecentEvent)
class RecentEventAdmin(ReadOnlyAdmin):
    list_display = ["seen_on", "source", "code", "event_type", "field", "message", "endpoint"]
    list_filter = ["source", "code", "seen_on"]
    list_select_related = ["source"]


admin.site.register(SimulationRun, SimulationRunAdmin)
