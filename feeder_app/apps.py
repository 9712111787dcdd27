from django.apps import AppConfig


class FeederAppConfig(AppConfig):
    name = "feeder_app"
    verbose_name = "Feeder"
    default_auto_field = "django.db.models.BigAutoField"
