"""Errors of the API as `application/problem+json` (RFC 9457).

Each has a `code` for programs and a `message` for people: SDKs of Segment's API read both and
retry what lacks them.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


class ProblemError(APIException):
    """An error response that a view raises.

    Args:
        status: the HTTP status.
        code: for programs; never changes its meaning.
        message: for people: what was wrong and what to do.
        retry_after: seconds, sent as the `Retry-After` header.
        more: members of the problem's own.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(message, code)
        self.status_code = status
        self.more = more
        # DRF's handler makes the header of this.
        self.wait = retry_after


def problem(status: int, code: str, message: str, **more: Any) -> dict[str, Any]:
    """The body of an error response; `more` are members of its own."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "message": message, **more}


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: its own errors and ours, all of one shape; None for what is a bug."""
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data.get("detail") if isinstance(response.data, dict) else None
    if isinstance(detail, ErrorDetail):
        more = error.more if isinstance(error, ProblemError) else {}
        response.data = problem(response.status_code, detail.code or "error", str(detail), **more)
    else:
        message = "; ".join(_lines(response.data))
        response.data = problem(response.status_code, "invalid", message, errors=response.data)
    # The browsable API shows the same problem as an HTML page.
    renderer = getattr(context["request"], "accepted_renderer", None)
    if renderer is None or renderer.format == "json":
        response.content_type = MEDIA_TYPE
    return response


def _lines(errors: Any) -> list[str]:
    if isinstance(errors, dict):
        return [f"{name}: {line}" for name, inner in errors.items() for line in _lines(inner)]
    return [str(line) for line in errors]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400; a problem below /api/."""
    if _is_api(request):
        return _json(400, "bad_request", "The request is not valid HTTP for this server, or its host is not allowed.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404; a problem below /api/."""
    if _is_api(request):
        return _json(404, "not_found", "No such path; /api/docs/ lists what there is.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500; a problem below /api/."""
    if _is_api(request):
        return _json(500, "server_error", "An error of ours; it is in the server's log. Try again later.")
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _json(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse(problem(status, code, message), status=status, content_type=MEDIA_TYPE)
