"""The dashboard's paths: each report's page, its downloads, and its numbers in the API."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, path

from dashboard_app import views
from dashboard_app.keeping import annotation_views, dashboard_views, saved_views, share_views, token_views
from dashboard_app.registry import REPORTS
from dashboard_app.report import AnyReport
from dashboard_app.sql import views as sql
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


_KEPT_PATHS = [
    path("sql/", sql.editor, name="sql"),
    path("sql/<int:pk>/", sql.saved_query, name="saved-query"),
    path("sql/download/", sql.download, name="sql-download"),
    path("saved/", saved_views.saved, name="saved"),
    path("saved/<int:pk>/", saved_views.open_saved, name="open-saved"),
    path("saved/<int:pk>/rename/", saved_views.rename_saved, name="rename-saved"),
    path("saved/<int:pk>/delete/", saved_views.delete_saved, name="delete-saved"),
    path("saved/<int:pk>/share/", share_views.share_report, name="share-saved"),
    path("dashboards/", dashboard_views.create_dashboard, name="create-dashboard"),
    path("dashboards/<int:pk>/", dashboard_views.show_dashboard, name="dashboard"),
    path("dashboards/<int:pk>/cards/", dashboard_views.add_card, name="add-card"),
    path("dashboards/<int:pk>/cards/<int:card>/", dashboard_views.change_card, name="change-card"),
    path("dashboards/<int:pk>/rename/", dashboard_views.rename_dashboard, name="rename-dashboard"),
    path("dashboards/<int:pk>/delete/", dashboard_views.delete_dashboard, name="delete-dashboard"),
    path("dashboards/<int:pk>/share/", share_views.share_dashboard, name="share-dashboard"),
    path("share/<str:token>/", share_views.open_link, name="share"),
    path("share-links/<int:pk>/revoke/", share_views.revoke_link, name="revoke-link"),
    path("annotations/", annotation_views.annotations, name="annotations"),
    path("annotations/<int:pk>/delete/", annotation_views.delete_annotation, name="delete-annotation"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<int:pk>/revoke/", token_views.revoke_token, name="revoke-token"),
]

app_name = "dashboard"
urlpatterns = [
    *(pattern for report in REPORTS for pattern in _report_paths(report)),
    *_KEPT_PATHS,
    path("login/", LoginView.as_view(template_name="dashboard_app/login.html"), name="login"),
    path("sign-out/", LogoutView.as_view(next_page="/"), name="sign-out"),
]
