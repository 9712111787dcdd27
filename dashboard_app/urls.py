"""The dashboard's paths: each report's page, its downloads, and its numbers in the API."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, path

from dashboard_app import views
from dashboard_app.registry import REPORTS
from dashboard_app.report import AnyReport
from dashboard_app.stats.view import stats_view


def _report_paths(report: AnyReport) -> list[URLPattern]:
    name = {"name": report.name}
    page = "" if report.name == "overview" else f"{report.name}/"
    stats = stats_view(report)
    return [
        path(page, views.report_page, name, name=report.name),
        path(f"{report.name}.csv", views.report_csv, name, name=f"{report.name}-csv"),
        path(f"{report.name}.json", views.report_json, name, name=f"{report.name}-json"),
        path(f"api/v1/stats/{report.name}", stats, name=f"{report.name}-stats"),
        path(f"api/v1/stats/{report.name}/", stats),
    ]


app_name = "dashboard"
urlpatterns = [
    *(pattern for report in REPORTS for pattern in _report_paths(report)),
    path("login/", LoginView.as_view(template_name="dashboard_app/login.html"), name="login"),
    path("sign-out/", LogoutView.as_view(next_page="/"), name="sign-out"),
]
