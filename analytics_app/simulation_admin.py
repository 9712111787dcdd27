"""Simulation runs in the admin: start one, watch it, stop it."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from analytics_app.models import SimulationRun
from analytics_app.serializers import MAX_DURATION
from analytics_app.simulation.runs import RunError, request_stop, running_run
from analytics_app.simulation.scenario_file import DEFAULT, load, shipped
from analytics_app.simulation.worker import start_simulation
from brokerlytics.read_only_admin import ReadOnlyAdmin

_FIELDS: Final = ["scenario", "rate", "duration", "seed"]
_REFRESH_SECONDS: Final = "2"


def _scenarios() -> list[tuple[str, str]]:
    return [(path.stem, f"{path.stem}: {load(path).title}") for path in shipped()]


class SimulationForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """What a new run is to send. To be valid is to have started it: nothing can come between."""

    scenario = forms.ChoiceField(choices=_scenarios, initial=DEFAULT)
    rate = forms.FloatField(
        initial=10, min_value=0.01, max_value=settings.SIMULATION_MAX_RATE, help_text="Events per second."
    )
    duration = forms.FloatField(initial=600, min_value=1, max_value=MAX_DURATION, help_text="Seconds.")
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=2**63 - 1,
        help_text="The same seed brings the same people; without one it is drawn.",
    )

    class Meta:
        model = SimulationRun
        fields = _FIELDS

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.instance = start_simulation(**{name: values[name] for name in _FIELDS})
            except RunError as error:
                raise ValidationError(str(error), error.code) from None
            values["seed"] = self.instance.seed
        return values

    def _post_clean(self) -> None:
        """The instance has its values."""


class SimulationRunAdmin(ReadOnlyAdmin):
    list_display = [
        *("id", "status", "scenario", "rate", "duration", "seed"),
        "accepted",
        "rejected",
        "started_on",
        "ended_on",
    ]
    list_filter = ["status", "scenario"]
    actions: Sequence[Any] = ["stop"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics_app.add_simulationrun")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics_app.change_simulationrun")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else SimulationForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else _FIELDS

    def save_model(self, request: HttpRequest, obj: SimulationRun, form: Any, change: bool) -> None:
        """The form has started and saved it."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[SimulationRun]:
        # A run whose worker died is told as what it is.
        running_run(timezone.now())
        runs: QuerySet[SimulationRun] = super().get_queryset(request)
        return runs

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of a run that goes on shows itself anew every two seconds."""
        response = super().change_view(request, object_id, *args, **kwargs)
        if SimulationRun.objects.filter(pk=object_id, status=SimulationRun.Status.RUNNING).exists():
            response["Refresh"] = _REFRESH_SECONDS
        return response

    @admin.action(description="Stop", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[SimulationRun]) -> None:
        for run in queryset:
            request_stop(run.pk)
        messages.success(request, "Running simulations among them end within seconds.")
