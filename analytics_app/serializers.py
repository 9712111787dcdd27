"""The shapes of the API, for its documentation and its HTML form. `ingest` alone decides what is valid."""

from typing import Any, Final

from django.conf import settings
from rest_framework import serializers

from analytics_app.models import SimulationRun
from analytics_app.simulation.scenario_file import DEFAULT, shipped
from brokerlytics.api_docs import ProblemSerializer
from brokerlytics.event import FIELDS, KINDS, EventField

MAX_DURATION: Final = 24 * 60 * 60.0
_SERVER_FIELDS: Final = {"received_on", "source"}
_HELP: Final = {
    "event_id": "Send an event again with the same id and it is the same event. Made by the server when missing.",
    "event_type": "The event's name. START_SESSION, END_SESSION and REVENUE are counted specially.",
    "device_id": "One of device_id and user_id is required.",
    "created_on": "When it happened, ISO 8601; UTC unless an offset is given. The time of receipt when missing.",
    "original_created_on": "The client's time as it was, when created_on is corrected already.",
    "revenue": "An amount, also taken from properties.",
    "currency": "A three-letter code such as EUR, also taken from properties.",
    "properties": "What else is known of the event, a JSON object.",
    "context": "What else is known of its surroundings, a JSON object. Fields that are not listed here go there too.",
}
# Parameters of the browsable API and of its form.
_NOT_OURS: Final = {"format", "csrfmiddlewaretoken"}
_SENT_ON_HELP: Final = "The client's clock when it sent the event; corrects created_on for clock skew."


def _field(field: EventField) -> serializers.Field[Any, Any, Any, Any]:
    common: dict[str, Any] = {"required": field.name == "event_type", "help_text": _HELP.get(field.name, "")}
    match field.type:
        case "number":
            return serializers.FloatField(allow_null=True, **common)
        case "object":
            return serializers.DictField(**common)
        case "time":
            return serializers.DateTimeField(**common)
        case "kind":
            return serializers.ChoiceField(choices=KINDS, default="track")
        case "currency":
            return serializers.CharField(max_length=3, min_length=3, **common)
        case "id" | "text":
            return serializers.CharField(max_length=field.max_length, **common)


class EventSerializer(serializers.Serializer[Any]):
    """One event, as the native API takes it."""

    sent_on = serializers.DateTimeField(required=False, help_text=_SENT_ON_HELP)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        contract = {field.name: _field(field) for field in FIELDS if field.name not in _SERVER_FIELDS}
        return contract | super().get_fields()


class EventFormSerializer(serializers.Serializer[Any]):
    """The HTML form: the fields that one tries first."""

    write_key = serializers.CharField(required=False, style={"placeholder": "wk_…"})
    event_type = serializers.CharField(initial="PAGE_VIEW")
    device_id = serializers.CharField(required=False, allow_blank=True, help_text=_HELP["device_id"])
    user_id = serializers.CharField(required=False, allow_blank=True)
    session_id = serializers.CharField(required=False, allow_blank=True)
    event_id = serializers.CharField(required=False, allow_blank=True, help_text=_HELP["event_id"])
    created_on = serializers.CharField(required=False, allow_blank=True, help_text=_HELP["created_on"])
    page_url = serializers.CharField(required=False, allow_blank=True)
    revenue = serializers.FloatField(required=False, allow_null=True)
    currency = serializers.CharField(required=False, allow_blank=True)
    properties = serializers.JSONField(required=False, initial={}, style={"base_template": "textarea.html"})


class RejectionSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    event_id = serializers.CharField(allow_null=True)
    code = serializers.CharField(help_text="For programs; docs/api.md lists all.")
    message = serializers.CharField(help_text="For people.")
    field = serializers.CharField(allow_null=True)


class AcceptedSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField(help_text="Events that the broker has acknowledged.")
    rejected = RejectionSerializer(many=True)


class IngestProblemSerializer(ProblemSerializer):
    """An error of a request whose events were looked at one by one."""

    accepted = serializers.IntegerField(required=False)
    rejected = RejectionSerializer(many=True, required=False)


class SimulationParametersSerializer(serializers.Serializer[Any]):
    """The query parameters that start a simulation."""

    scenario = serializers.ChoiceField(
        choices=[path.stem for path in shipped()],
        default=DEFAULT,
        help_text="One of the product's own, shop when missing.",
    )
    rate = serializers.FloatField(
        required=False,
        min_value=0.01,
        max_value=settings.SIMULATION_MAX_RATE,
        help_text="Events per second, 10 when missing.",
    )
    interval = serializers.FloatField(
        required=False,
        min_value=1 / settings.SIMULATION_MAX_RATE,
        max_value=100,
        help_text="Seconds between two events, instead of rate.",
    )
    duration = serializers.FloatField(
        default=600.0, min_value=1, max_value=MAX_DURATION, help_text="Seconds, 600 when missing."
    )
    seed = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="The same seed brings the same people back."
    )

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields) - _NOT_OURS)
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError({name: [f"No such parameter; there are {known}."] for name in unknown})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Gives `rate` in place of `interval`."""
        interval = attrs.pop("interval", None)
        if interval is not None and "rate" in attrs:
            raise serializers.ValidationError({"interval": ["Give rate or interval, not both."]})
        attrs.setdefault("rate", 1 / interval if interval else 10.0)
        return attrs


class SimulationRunSerializer(serializers.ModelSerializer[SimulationRun]):
    class Meta:
        model = SimulationRun
        fields = [
            "id",
            "status",
            "stop_requested",
            "scenario",
            "rate",
            "duration",
            "seed",
            "started_on",
            "heartbeat_on",
            "ended_on",
            "accepted",
            "rejected",
            "message",
        ]
