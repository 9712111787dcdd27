"""`/api/v1/stats/<report>`: the numbers of a report's page as JSON."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from brokerlytics.problems import ProblemError
from brokerlytics.session_authentication import SessionAuthentication
from dashboard_app.access import may_read
from dashboard_app.asking import STORE_ERRORS, ask, check_names, make_question
from dashboard_app.export import make_document
from dashboard_app.question.errors import FilterError
from dashboard_app.reader import TooSlowError
from dashboard_app.report import AnyReport
from dashboard_app.stats.docs import document_report
from dashboard_app.stats.token_authentication import StatsThrottle, TokenAuthentication

# By which DRF chooses between JSON and its page for browsers.
FORMAT: Final = "format"


class MayReadDashboard(BasePermission):
    """Whoever may see the pages: who is signed in, or everyone where the dashboard is open."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 (DRF's signature)
        return may_read(request.user)


class StatsView(APIView):
    """Answers what the page of `report` shows. Raises problems: 400 for the query, 503 for the store."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MayReadDashboard]
    throttle_classes = [StatsThrottle]
    throttle_scope = "stats"
    report: ClassVar[AnyReport]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """DRF answers a format that it has not as if the path were not there."""
        try:
            return super().perform_content_negotiation(request, force)
        except Http404:
            message = f"The API answers JSON. As CSV a table is at /{self.report.name}.csv, for who is signed in."
            raise ProblemError(400, "invalid_parameter", message, pointer=f"/{FORMAT}") from None

    def get(self, request: Request) -> Response:
        try:
            check_names(self.report, request.query_params, "table", FORMAT)
            question = make_question(self.report, request.query_params, timezone.now())
            return Response(make_document(question, ask(question)))
        except FilterError as error:
            message, pointer = str(error), f"/{error.parameter}"
            raise ProblemError(400, "invalid_parameter", message, pointer=pointer) from None
        except TooSlowError as error:
            raise ProblemError(503, "too_slow", str(error)) from None
        except STORE_ERRORS as error:
            raise ProblemError(503, "store_unreadable", str(error), retry_after=10) from None


def stats_view(one: AnyReport) -> Callable[..., HttpResponseBase]:
    """The view of one report, documented with its own parameters."""

    class ReportStatsView(StatsView):
        report = one

        @extend_schema(**document_report(one))
        def get(self, request: Request) -> Response:
            return super().get(request)

    return ReportStatsView.as_view()
