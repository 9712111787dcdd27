"""The Django admin: sources with their write keys, and simulation runs."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from analytics_app.models import SimulationRun, Source
from analytics_app.simulation.runs import request_stop


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    list_display = ["name", "write_key", "enabled", "created_on", "rotated_on"]
    search_fields = ["name", "write_key"]
    readonly_fields = ["write_key", "created_on", "rotated_on"]
    actions = ["rotate", "enable", "disable"]

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


@admin.register(SimulationRun)
class SimulationRunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    """Read-only: runs are started over the API."""

    list_display = ["id", "status", "rate", "duration", "seed", "accepted", "rejected", "started_on", "ended_on"]
    actions = ["stop"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: SimulationRun | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: SimulationRun | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics_app.change_simulationrun")

    @admin.action(description="Stop", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[SimulationRun]) -> None:
        for run in queryset:
            request_stop(run.pk)
        messages.success(request, "Running simulations among them end within seconds.")
