"""How the pages answer what people enter: back to where they were, with what was wrong or done."""

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard_app.access import may_change
from dashboard_app.models import Dashboard, SavedReport


def back(request: HttpRequest, fallback: str) -> HttpResponse:
    """To the path of this site that the form names as `next`, else to the view `fallback`."""
    url = request.POST.get("next", "")
    hosts = {request.get_host()}
    if url.startswith("/") and url_has_allowed_host_and_scheme(url, hosts, require_https=request.is_secure()):
        return redirect(url)
    return redirect(fallback)


def tell_errors(request: HttpRequest, form: forms.BaseForm) -> None:
    """Each error as a message of the next page."""
    for name, errors in form.errors.items():
        label = "" if name == NON_FIELD_ERRORS else f"{form.fields[name].label}: "
        for error in errors:
            messages.error(request, f"{label}{error}")


def rename(request: HttpRequest, form: forms.ModelForm, view: str, *place: int) -> HttpResponse:  # type: ignore[type-arg]  # takes no argument at run time
    """Save the form of a new name, and go on to the view at `place`."""
    if form.is_valid():
        messages.success(request, f"It is called “{form.save().name}” now.")
    else:
        tell_errors(request, form)
    return redirect(view, *place)


def check_owner(request: HttpRequest, kept: SavedReport | Dashboard) -> None:
    """Raises PermissionDenied unless the user may change `kept`."""
    owner = kept.saved_by if isinstance(kept, SavedReport) else kept.owner
    if not may_change(request.user, owner):
        raise PermissionDenied


def show_secret(request: HttpRequest, title: str, secret: str, advice: str, list_view: str) -> HttpResponse:
    """The one page that has a new secret. It is the answer itself, for a redirect would have to keep it somewhere.

    From there it goes to the view `list_view`.
    """
    shown = {"title": title, "secret": secret, "advice": advice, "list_view": list_view}
    response = render(request, "dashboard_app/secret.html", shown, status=201)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
