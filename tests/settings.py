"""The settings of the product, with nothing of a developer's environment in them."""

import os
import re
import tempfile
from pathlib import Path

_EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text()
for _name in re.findall(r"^#([A-Z_]+)=", _EXAMPLE, re.MULTILINE) + [n for n in os.environ if n.startswith("KAFKA_")]:
    os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="brokerlytics-test-")

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
