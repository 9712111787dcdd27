"""`/api/v1/events/simulation`: start, look at and stop a simulation."""

import time
from collections.abc import Mapping
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics_app import api_docs
from analytics_app.models import SimulationRun
from analytics_app.serializers import SimulationParametersSerializer, SimulationRunSerializer
from analytics_app.simulation.runs import RunError, request_stop, running_run
from analytics_app.simulation.worker import start_simulation
from brokerlytics.problems import ProblemError
from brokerlytics.session_authentication import SessionAuthentication

_STOP_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.1


class SimulationView(APIView):
    """Made-up visitors, for trying out: POST starts them, GET shows how far they are, DELETE stops them.

    For staff only, signed in at /admin/ or with HTTP Basic: a write key ships in web pages and must
    not be able to start a flood. One simulation runs at a time. Its events carry the source simulation.
    """

    authentication_classes = [SessionAuthentication, BasicAuthentication]
    permission_classes = [IsAdminUser]
    serializer_class = SimulationParametersSerializer

    @extend_schema(**api_docs.SHOW_SIMULATION)
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        return Response(SimulationRunSerializer(_running()).data)

    @extend_schema(**api_docs.START_SIMULATION)
    def post(self, request: Request) -> Response:
        parameters = SimulationParametersSerializer(data=_parameters(request))
        parameters.is_valid(raise_exception=True)
        try:
            run = start_simulation(**{"seed": None, **parameters.validated_data})
        except RunError as error:
            raise ProblemError(error.status, error.code, str(error)) from None
        return Response(SimulationRunSerializer(run).data, status=201)

    @extend_schema(**api_docs.STOP_SIMULATION)
    def delete(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        run = _running()
        request_stop(run.pk)
        deadline = time.monotonic() + _STOP_SECONDS
        while run.status == SimulationRun.Status.RUNNING and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            run.refresh_from_db()
        ended = run.status != SimulationRun.Status.RUNNING
        return Response(SimulationRunSerializer(run).data, status=200 if ended else 202)


def _running() -> SimulationRun:
    run = running_run(timezone.now())
    if run is None:
        last = SimulationRun.objects.first()
        more: dict[str, Any] = {"last_run": SimulationRunSerializer(last).data} if last else {}
        raise ProblemError(404, "no_simulation", "No simulation is running.", **more)
    return run


def _parameters(request: Request) -> Any:
    """Those of the address, and those of the HTML form or a JSON object in the body."""
    data: Any = request.data
    if not isinstance(data, Mapping):
        raise ValidationError({"body": ["Give the parameters in the address: ?rate=10&duration=60."]})
    parameters = request.query_params.copy()
    for name, value in data.items():
        parameters[name] = value
    return parameters
