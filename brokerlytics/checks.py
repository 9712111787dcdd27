"""System checks: Django runs them before every command, so that a wrong setting is told before anything starts."""

import os
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning

from brokerlytics.kafka import client_config

# The tag of all of them.
SETTINGS: Final = "settings"


@register(SETTINGS)
def check_kafka_settings(**_: Any) -> list[CheckMessage]:
    """librdkafka takes the settings. It connects to nothing here: the address is left out."""
    config = {name: value for name, value in client_config().items() if name != "bootstrap.servers"}
    try:
        AdminClient({**config, "log_level": 0})
    except KafkaException as error:
        message = f"Kafka's settings are not valid: {error.args[0].str()}"
        hint = "They come from KAFKA_CONFIG_FILE and from KAFKA_* variables; .env.example tells how."
        return [Error(message, hint=hint, id="brokerlytics.E001")]
    return []


@register(SETTINGS)
def check_store_writable(**_: Any) -> list[CheckMessage]:
    existing = next(path for path in (settings.STORE_DIR, *settings.STORE_DIR.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return []
    hint = "Set STORE_DIR or DATA_DIR to a directory that this user can write to."
    return [Error(f"The store cannot be written: {settings.STORE_DIR}.", hint=hint, id="brokerlytics.E002")]


@register(SETTINGS)
def check_sql_limits(**_: Any) -> list[CheckMessage]:
    names = ("SQL_TIME_LIMIT", "SQL_MEMORY_LIMIT", "SQL_ROW_LIMIT")
    wrong = [name for name in names if getattr(settings, name) < 1]
    hint = "Set it to 1 or more, or leave it out."
    return [Error(f"{name} leaves no query a chance.", hint=hint, id="brokerlytics.E005") for name in wrong]


@register(SETTINGS)
def check_debug(**_: Any) -> list[CheckMessage]:
    local = {"localhost", "127.0.0.1", "[::1]"}
    if settings.DEBUG and not local.issuperset(settings.ALLOWED_HOSTS):
        message = "DEBUG is on and ALLOWED_HOSTS has names beyond this machine: errors show settings and source."
        return [CheckWarning(message, hint="Set DEBUG=0.", id="brokerlytics.W001")]
    return []


@register(SETTINGS)
def check_store_upkeep(**_: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    if settings.STORE_COMPRESSION not in ("none", "gzip", "zstd"):
        message = f"STORE_COMPRESSION={settings.STORE_COMPRESSION} is not known."
        errors.append(Error(message, hint="Set it to none, gzip or zstd.", id="brokerlytics.E003"))
    if settings.STORE_KEEP_DAYS is not None and settings.STORE_KEEP_DAYS < 1:
        message = f"STORE_KEEP_DAYS={settings.STORE_KEEP_DAYS} would remove everything."
        errors.append(Error(message, hint="Set it to 1 or more, or leave it out.", id="brokerlytics.E004"))
    return errors
