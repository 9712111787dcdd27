"""The page behind a sign-in link."""

from django.http import HttpResponse
from sesame.views import LoginView

_REFUSAL = (
    "This sign-in link was used already, or is too old.\n"
    "Sign in with your password at /login/, or get a new link: python manage.py signinlink\n"
)


class SignInView(LoginView):  # type: ignore[misc]  # sesame ships no types
    """Signs in whom the link is for and goes on to the dashboard."""

    def login_failed(self) -> HttpResponse:
        return HttpResponse(_REFUSAL, status=403, content_type="text/plain")
