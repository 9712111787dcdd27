"""What the OpenAPI document says alike of every app's endpoints: signing in, and errors."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from brokerlytics.problems import MEDIA_TYPE, problem


class ProblemSerializer(serializers.Serializer[Any]):
    """An error, RFC 9457."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="For programs.")
    message = serializers.CharField(help_text="For people: what was wrong and what to do.")


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself on definition
    target_class = "brokerlytics.session_authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:  # noqa: ARG002 (spectacular's signature)
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Signed in in the browser."}


def problem_response(
    serializer: type[ProblemSerializer], code: str, message: str, status: int, **more: Any
) -> OpenApiResponse:
    """A documented error with an example; `more` are members of its own."""
    example = OpenApiExample(code, value=problem(status, code, message, **more), media_type=MEDIA_TYPE)
    return OpenApiResponse(serializer, description=message, examples=[example])


def problem_responses(*items: tuple[int, str, str]) -> dict[tuple[int, str], OpenApiResponse]:
    """Documented errors, each as (status, code, message)."""
    return {
        (status, MEDIA_TYPE): problem_response(ProblemSerializer, code, message, status)
        for status, code, message in items
    }
