"""Who uses the API with a user of Django's. Write keys of sources: see write_keys.py."""

from rest_framework import authentication
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in user. Who is not gets a 401 that makes no browser ask for, and remember, a password."""

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        return 'Session realm="admin"'
