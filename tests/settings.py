"""The settings of the product, with nothing of a developer's environment in them."""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

_EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text()
for _name in re.findall(r"^#([A-Z_]+)=", _EXAMPLE, re.MULTILINE) + [n for n in os.environ if n.startswith("KAFKA_")]:
    os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull

_PREFIX = "brokerlytics-test-"
for _left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
    # A process that was killed could not remove its own.
    if not psutil.pid_exists(int(_left.name.split("-")[2])):
        shutil.rmtree(_left, ignore_errors=True)
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from brokerlytics.settings import *  # noqa: E402, F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# whitenoise warns when there is nothing to serve.
STATIC_ROOT.mkdir()  # noqa: F405
# Threads of a test write at once, which SQLite does in a file only.
DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}  # noqa: F405
# A page or a query may take its time where everything runs at once.
REPORT_TIMEOUT = SQL_TIME_LIMIT = 120
