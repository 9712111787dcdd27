"""Who sends: the source whose write key comes with the request."""

import base64
import binascii
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from analytics_app.models import Source


class WriteKeyAuthentication(authentication.BaseAuthentication):
    """`request.auth` is the enabled Source of the write key.

    The key comes as `Authorization: Bearer`, as user name of `Authorization: Basic`, as `X-Write-Key`,
    as `?write_key=`, or in the field `write_key` of an HTML form; the first of these counts.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Source] | None:
        key = write_key(request)
        if not key:
            return None
        source = Source.objects.enabled().filter(write_key=key).first()
        if source is None:
            raise exceptions.AuthenticationFailed("The write key is not known, or its source is disabled.")
        return AnonymousUser(), source

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        return 'Bearer realm="write key"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in user. Who is not gets a 401 that makes no browser ask for, and remember, a password."""

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        return 'Session realm="admin"'


def write_key(request: Request) -> str:
    """The key of the request, empty when there is none."""
    return (
        _from_authorization(request.headers.get("Authorization", ""))
        or request.headers.get("X-Write-Key", "").strip()
        or request.query_params.get("write_key", "").strip()
        or _from_form(request)
    )


def _from_authorization(header: str) -> str:
    scheme, _, credentials = header.partition(" ")
    match scheme.lower():
        case "":
            return ""
        case "bearer":
            return credentials.strip()
        case "basic":
            return _user_name(credentials.strip())
        case _:
            raise exceptions.AuthenticationFailed("Send the write key as `Authorization: Bearer <write key>`.")


def _user_name(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise exceptions.AuthenticationFailed("The credentials of `Authorization: Basic` are not base64.") from None


def _from_form(request: Request) -> str:
    data: Any = request.data if request.method == "POST" else None
    return data.get("write_key", "").strip() if isinstance(data, QueryDict) else ""
