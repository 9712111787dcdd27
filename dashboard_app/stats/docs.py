"""What the OpenAPI document says of the stats API."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from brokerlytics.api_docs import ProblemSerializer, problem_response, problem_responses
from brokerlytics.problems import MEDIA_TYPE
from dashboard_app.question.filters import DEFAULT_RANGE, INTERVALS, RANGES
from dashboard_app.report import AnyReport, Parameter


class MomentsSerializer(serializers.Serializer[Any]):
    """A range of time, [start, end)."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class TableSerializer(serializers.Serializer[Any]):
    """One table: a row has a value for each column."""

    name = serializers.CharField(help_text="For programs, and for the parameter `table`.")
    title = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField()),
        help_text="Amounts of money are texts, so that no digit is lost; times are ISO 8601; null is an empty cell.",
    )


class StatsSerializer(serializers.Serializer[Any]):
    """A report's numbers, and what they are of."""

    report = serializers.CharField()
    timezone = serializers.CharField()
    range = MomentsSerializer()
    previous = MomentsSerializer(
        allow_null=True,
        help_text="The period before; null where a report compares nothing, or the range has not begun.",
    )
    interval = serializers.ChoiceField([name for name in INTERVALS if name != "auto"])
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # DRF's Field has one of its own
    filters = serializers.ListField(child=serializers.CharField())
    data_as_of = serializers.DateTimeField(allow_null=True, help_text="The newest commit that the numbers hold.")
    tables = TableSerializer(many=True)


class ParameterProblemSerializer(ProblemSerializer):
    """An error of the query."""

    pointer = serializers.CharField(help_text="The parameter that is wrong, such as /interval.")


_SHARED: Final = (
    Parameter("range", f"The range; {DEFAULT_RANGE} when missing.", values=tuple(RANGES)),
    Parameter("from", "The start of a custom range, ISO 8601; without an offset in the project's timezone."),
    Parameter("to", "The end of a custom range, not included."),
    Parameter("interval", "The length of a step in time.", values=INTERVALS),
    Parameter(
        "compare",
        "With any value, such as `previous`, the numbers of the period before are given as well. "
        "The overview's headline always has them.",
    ),
    Parameter("source", "Only events of this source."),
    Parameter(
        "filter",
        "`COLUMN:OP:VALUE` with COLUMN a column of the CSV, `properties.a.b` or `context.a.b`, and OP one of is, not, "
        "contains, lacks, gt, lt, set, unset. All must hold; several `is` of one column are alternatives. "
        "A dot in a key is written `\\.`, a colon `\\:`.",
        repeated=True,
    ),
    Parameter("table", "Only this table of the report."),
)


def document_report(report: AnyReport) -> dict[str, Any]:
    """The arguments of `extend_schema` for the view of `report`."""
    shared = [one for one in _SHARED if (report.compares or one.name != "compare")]
    wrong = "The interval “second” is not known. Choose one of auto, minute, hour, day, week, month."
    return {
        "operation_id": f"stats_{report.name.replace('-', '_')}",
        "tags": ["stats"],
        "summary": report.title,
        "description": "The numbers of the page, each as docs/metrics.md defines it. Other parameters are an error.",
        "parameters": [_parameter(one) for one in (*shared, *report.parameters)],
        "responses": {
            200: OpenApiResponse(StatsSerializer, description="The numbers."),
            (400, MEDIA_TYPE): problem_response(
                ParameterProblemSerializer, "invalid_parameter", wrong, 400, pointer="/interval"
            ),
            **problem_responses(
                (401, "not_authenticated", "Authentication credentials were not provided."),
                (429, "throttled", "Request was throttled. Expected available in 20 seconds."),
                (503, "store_unreadable", "The store cannot be read now."),
            ),
        },
    }


def _parameter(parameter: Parameter) -> OpenApiParameter:
    return OpenApiParameter(
        parameter.name,
        OpenApiTypes.STR,
        description=parameter.description,
        enum=list(parameter.values) or None,
        many=parameter.repeated,
        explode=True if parameter.repeated else None,
    )
