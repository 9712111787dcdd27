"""Where clients put the write key of a source, outside the body."""

import base64
import binascii
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

_PARAMETERS: Final = ("write_key", "writeKey", "api_key", "token")


def key_of_request(header: Callable[[str], str | None], query: str) -> str:
    """The first key of `Authorization` (Bearer, or the user name of Basic), `X-Write-Key`, and the query.

    Empty when there is none there. Other schemes of `Authorization` are none of ours.
    """
    authorization = header("authorization")
    if authorization and (key := _from_authorization(authorization)):
        return key
    if named := header("x-write-key"):
        return named.strip()
    return _from_query(query) if query else ""


def _from_authorization(value: str) -> str:
    scheme, _, credentials = value.partition(" ")
    match scheme.lower():
        case "bearer":
            return credentials.strip()
        case "basic":
            return _user_name(credentials.strip())
        case _:
            return ""


def _user_name(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0].strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _from_query(query: str) -> str:
    try:
        fields = parse_qs(query, max_num_fields=1000)
    except ValueError:
        return ""
    return next((fields[name][0].strip() for name in _PARAMETERS if name in fields), "")
