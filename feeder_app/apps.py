from django.apps import AppConfig


class FeederAppConfig(AppConfig):
    name = "feeder_app"
    default_auto_field = "django.db.models.BigAutoField"
