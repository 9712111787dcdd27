from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save

from brokerlytics.intake_counts import tell_intake_counts


class AnalyticsAppConfig(AppConfig):
    name = "analytics_app"
    verbose_name = "Ingestion"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the web workers hear of changed sources, and tell who asks what became of events."""

        from analytics_app.intake_teller import stored_counts  # noqa: PLC0415 (models exist from here on)
        from analytics_app.models import sources_changed  # noqa: PLC0415 (models exist from here on)
        from analytics_app.sources import source_changed  # noqa: PLC0415 (models exist from here on)

        tell_intake_counts(stored_counts)
        sources_changed.connect(source_changed)
        for signal in (post_save, post_delete):
            signal.connect(source_changed, sender="analytics_app.Source")
