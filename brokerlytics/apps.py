from django.apps import AppConfig


class BrokerlyticsConfig(AppConfig):
    """The project itself is an app: it brings the commands and checks that belong to no one app."""

    name = "brokerlytics"

    def ready(self) -> None:
        from brokerlytics import checks  # noqa: F401, PLC0415 (importing registers them)
