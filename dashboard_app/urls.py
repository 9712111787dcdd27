"""The dashboard's paths."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from dashboard_app import views

app_name = "dashboard"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("login/", LoginView.as_view(template_name="dashboard_app/login.html"), name="login"),
    path("sign-out/", LogoutView.as_view(next_page="/"), name="sign-out"),
]
