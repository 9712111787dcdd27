"""API tokens: a program reads the stats API as the user who made the token."""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from dashboard_app.models import ApiToken
from dashboard_app.secret_tokens import digest

# A token that is used all the time is not written all the time.
_NOTE_USE_EVERY: Final = timedelta(minutes=1)
_SCHEME: Final = "bearer"


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`; the request's `auth` is the ApiToken."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        """None where no token is sent. Raises AuthenticationFailed for one that does not count, or no more."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        found = ApiToken.objects.live().select_related("user").filter(token_digest=digest(token.strip())).first()
        if found is None:
            raise AuthenticationFailed("The API token is not known, or was revoked. Make one at /tokens/.")
        now = timezone.now()
        ApiToken.objects.touch(found.pk, now, now - _NOTE_USE_EVERY)
        return found.user, found

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        return 'Bearer realm="stats"'


class StatsThrottle(ScopedRateThrottle):
    """Each token has the rate for itself, beside that of its user in the browser."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if isinstance(request.auth, ApiToken):
            return self.cache_format % {"scope": self.scope, "ident": f"token-{request.auth.pk}"}
        return super().get_cache_key(request, view)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself on definition
    target_class = "dashboard_app.stats.token_authentication.TokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:  # noqa: ARG002 (spectacular's signature)
        return {"type": "http", "scheme": _SCHEME, "description": "An API token, made at /tokens/."}
