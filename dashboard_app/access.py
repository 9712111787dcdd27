"""Who may do what on the dashboard. Reading is for everyone who is signed in; docs/dashboard.md has the list."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from dashboard_app.models import RUN_SQL

P = ParamSpec("P")
AnyUser = AbstractBaseUser | AnonymousUser
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def may_read(user: AnyUser) -> bool:
    """Whether the user sees the reports: who is signed in, or everyone where the dashboard is open."""
    return not settings.DASHBOARD_LOGIN_REQUIRED or user.is_authenticated


def may_run_sql(user: AnyUser | None) -> bool:
    """Whether the user may run SQL over the store: active staff, and who has the permission."""
    return isinstance(user, User) and user.is_active and (user.is_staff or user.has_perm(RUN_SQL))


def may_change(user: AnyUser, owner: AbstractBaseUser | None) -> bool:
    """Whether the user may change or remove what `owner` keeps: it is theirs, or they are staff."""
    return isinstance(user, User) and (user.is_staff or (owner is not None and user.pk == owner.pk))


def user_of(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied where nobody is."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def for_readers(view: View[P]) -> View[P]:
    """Asks who is not signed in to do so, unless the dashboard is open to everyone."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not may_read(request.user):
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return guarded


def for_signed_in(view: View[P]) -> View[P]:
    """Asks who is not signed in to do so, also where the dashboard is open to everyone."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
        return view(request, *args, **kwargs)

    return guarded
