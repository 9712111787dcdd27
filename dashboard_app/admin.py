"""The Django admin: what people keep of the dashboard, links and tokens to revoke, annotations."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from dashboard_app.keeping.forms import SavedReportForm
from dashboard_app.models import Annotation, ApiToken, Dashboard, DashboardCard, SavedReport, ShareLink


@admin.register(SavedReport)
class SavedReportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    """Who changes what a report shows becomes its saver: a query that is shared runs in the saver's name."""

    form = SavedReportForm
    list_display = ["name", "report", "saved_by", "created_on"]
    list_filter = ["report"]
    search_fields = ["name"]
    readonly_fields = ["saved_by", "created_on"]

    def save_model(self, request: HttpRequest, obj: SavedReport, form: Any, change: bool) -> None:
        if not change or {"report", "query"} & set(form.changed_data):
            obj.saved_by = request.user  # type: ignore[assignment]  # who is in the admin is signed in
        super().save_model(request, obj, form, change)


class DashboardCardInline(admin.TabularInline):  # type: ignore[type-arg]  # takes no argument at run time
    model = DashboardCard
    extra = 1


@admin.register(Dashboard)
class DashboardAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    list_display = ["name", "owner", "created_on"]
    search_fields = ["name"]
    readonly_fields = ["owner", "created_on"]
    inlines = [DashboardCardInline]

    def save_model(self, request: HttpRequest, obj: Dashboard, form: Any, change: bool) -> None:
        if not change:
            obj.owner = request.user  # type: ignore[assignment]  # who is in the admin is signed in
        super().save_model(request, obj, form, change)


@admin.register(Annotation)
class AnnotationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    list_display = ["at", "text", "source", "created_by"]
    search_fields = ["text"]
    readonly_fields = ["created_by"]

    def save_model(self, request: HttpRequest, obj: Annotation, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]  # who is in the admin is signed in
        super().save_model(request, obj, form, change)


class RevocableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no argument at run time
    """Secrets are made where they are shown once, on the dashboard; here they are looked at and revoked."""

    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        return False

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        count = queryset.filter(revoked_on=None).update(revoked_on=timezone.now())
        self.message_user(request, f"{count} revoked.")


@admin.register(ShareLink)
class ShareLinkAdmin(RevocableAdmin):
    list_display = ["__str__", "created_by", "created_on", "expires_on", "revoked_on"]
    list_select_related = ["report", "dashboard", "created_by"]
    readonly_fields = ["report", "dashboard", "created_by", "created_on", "revoked_on"]


@admin.register(ApiToken)
class ApiTokenAdmin(RevocableAdmin):
    list_display = ["name", "user", "hint", "created_on", "last_used_on", "revoked_on"]
    search_fields = ["name", "user__username"]
    readonly_fields = ["user", "hint", "created_on", "last_used_on", "revoked_on"]
