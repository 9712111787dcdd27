"""The page of one's own API tokens."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from dashboard_app.access import for_signed_in, user_of
from dashboard_app.keeping.answers import show_secret, tell_errors
from dashboard_app.keeping.forms import ApiTokenForm
from dashboard_app.models import ApiToken


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_signed_in
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own; a POST makes one and shows it, once."""
    if request.method != "POST":
        return render(request, "dashboard_app/tokens.html", {"tokens": ApiToken.objects.filter(user=request.user.pk)})
    form = ApiTokenForm(request.POST)
    if not form.is_valid():
        tell_errors(request, form)
        return redirect("dashboard:tokens")
    token = ApiToken.issue(user_of(request).pk, form.cleaned_data["name"])
    advice = "It reads /api/v1/stats/ as you. It is shown once: copy it now, and revoke it when it leaks."
    return show_secret(request, f"API token “{form.cleaned_data['name']}”", token, advice, "dashboard:tokens")


@require_POST
@for_signed_in
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """From now on the token is refused. Only one's own; the admin revokes those of others."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user.pk)
    ApiToken.objects.filter(pk=token.pk, revoked_on=None).update(revoked_on=timezone.now())
    messages.success(request, f"“{token.name}” is revoked.")
    return redirect("dashboard:tokens")
