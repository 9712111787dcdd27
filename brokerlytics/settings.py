"""Django's settings, all from the environment (`.env.example` lists every variable)."""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from brokerlytics.environment import Environment, make_data_dir
from brokerlytics.kafka_settings import kafka_client_settings
from brokerlytics.secret_key import load_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
env.read_env(BASE_DIR / env.str("ENV_FILE", default=".env"))

# An absolute path stays as it is; a relative one is below the project.
DATA_DIR = make_data_dir(BASE_DIR / env.str("DATA_DIR", default="var"))
STORE_DIR = BASE_DIR / env.str("STORE_DIR", default=str(DATA_DIR / "store"))
# What closed days are compressed with (none, gzip or zstd), and how many of them are kept; None for all.
STORE_COMPRESSION = env.str("STORE_COMPRESSION", default="none")
STORE_KEEP_DAYS = env.int("STORE_KEEP_DAYS", default=None)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or load_secret_key(DATA_DIR / "secret-key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# The web server. A request's thread waits for the broker's acknowledgement, hence many threads.
WEB_HOST = env.str("WEB_HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
# The broker and the feeder need the other half: fewer workers send the broker fewer and fuller requests.
WEB_WORKERS = env.int("WEB_WORKERS", default=max(1, (os.cpu_count() or 1) // 2))
WEB_THREADS = env.int("WEB_THREADS", default=16)
# Whether `make run` also runs a small simulation.
SIMULATE = env.bool("SIMULATE", default=True)
# The user that the first start makes.
ADMIN_USERNAME = env.str("ADMIN_USERNAME", default="admin")

# Kafka. Every other KAFKA_* variable is a setting of librdkafka: KAFKA_SASL_USERNAME is sasl.username.
KAFKA_PORT = env.int("KAFKA_PORT", default=19092)
KAFKA_CLIENT_CONFIG = kafka_client_settings(dict(env.ENVIRON))
KAFKA_EXTERNAL = "bootstrap.servers" in KAFKA_CLIENT_CONFIG
KAFKA_BOOTSTRAP_SERVERS = KAFKA_CLIENT_CONFIG.get("bootstrap.servers", f"127.0.0.1:{KAFKA_PORT}")
KAFKA_TOPIC = env.str("KAFKA_TOPIC", default="events")
KAFKA_PARTITIONS = env.int("KAFKA_PARTITIONS", default=6)
KAFKA_RETENTION_DAYS = env.int("KAFKA_RETENTION_DAYS", default=7)
KAFKA_REPLICATION_FACTOR = env.int("KAFKA_REPLICATION_FACTOR", default=3 if KAFKA_EXTERNAL else 1)
# How long a request waits for the broker's acknowledgement before it answers 503, in seconds.
PRODUCE_TIMEOUT = env.float("PRODUCE_TIMEOUT", default=10.0)

# Takes the requests that bring events before Django sees them.
COLLECTOR = "analytics_app.collector.collector"
# Events per second of a source that has no limit of its own; 0 for no limit.
RATE_LIMIT = env.float("RATE_LIMIT", default=0.0)
# A simulation over the API or the admin: its events per second, and those of all in 24 hours.
SIMULATION_MAX_RATE = env.float("SIMULATION_MAX_RATE", default=500.0)
SIMULATION_DAILY_EVENTS = env.int("SIMULATION_DAILY_EVENTS", default=1_000_000)
# Countries are found in it, by the client's IP address, which is kept nowhere.
GEOIP_DATABASE = BASE_DIR / env.str("GEOIP_DATABASE") if env.str("GEOIP_DATABASE", default="") else None
# How many proxies of ours stand in front of the server and write X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# Where a feeder's Prometheus metrics are; a port of 0 for none.
FEEDER_METRICS_HOST = env.str("FEEDER_METRICS_HOST", default="127.0.0.1")
FEEDER_METRICS_PORT = env.int("FEEDER_METRICS_PORT", default=0)

DASHBOARD_LOGIN_REQUIRED = env.bool("DASHBOARD_LOGIN_REQUIRED", default=True)
# What one query of the SQL page may take: seconds, MiB of memory, rows of its result.
SQL_TIME_LIMIT = env.int("SQL_TIME_LIMIT", default=10)
SQL_MEMORY_LIMIT = env.int("SQL_MEMORY_LIMIT", default=512)
SQL_ROW_LIMIT = env.int("SQL_ROW_LIMIT", default=10_000)
# How long the queries of one report may take, in seconds.
REPORT_TIMEOUT = env.float("REPORT_TIMEOUT", default=30.0)
# Requests to the stats API that a user may make, as `<number>/<second, minute, hour or day>`, in each web worker.
STATS_RATE = env.str("STATS_RATE", default="120/minute")

INSTALLED_APPS = [
    "brokerlytics",
    "analytics_app",
    "feeder_app",
    "dashboard_app",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "brokerlytics.urls"
WSGI_APPLICATION = "brokerlytics.wsgi.application"
# A redirect makes SDKs repeat a POST as GET and lose the event: every path is served with and without the slash.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard_app.navigation.navigation",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "brokerlytics.sqlite3",
        # To open the file anew would cost a request as much as everything else in it.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "sesame.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "dashboard:login"
LOGIN_REDIRECT_URL = "/"
# The sign-in link that `make run` prints works once, and for a day.
SESAME_ONE_TIME = True
SESAME_MAX_AGE = 24 * 60 * 60

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Set HTTPS=1 behind a proxy that terminates TLS.
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "brokerlytics.problems.problem_handler",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_RATES": {"stats": STATS_RATE},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Brokerlytics API",
    "DESCRIPTION": "Send analytics events; read the numbers of the dashboard; start and stop a simulation.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["analytics_app.api_docs.without_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "analytics_app.api_docs.with_write_keys",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_token"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "filters": {
        "throttle": {"()": "brokerlytics.log_filters.Throttle"},
        "not_unavailable": {"()": "brokerlytics.log_filters.NotUnavailable"},
        "without_token": {"()": "brokerlytics.log_filters.WithoutToken"},
    },
    "loggers": {
        # httpx logs a line per request.
        "httpx": {"level": "WARNING"},
        "brokerlytics.kafka": {"filters": ["throttle"]},
        "django.request": {"filters": ["not_unavailable"]},
    },
}
