"""Django's SECRET_KEY for an installation that sets none: made once, kept in the data directory."""

import os
import secrets
from pathlib import Path


def load_secret_key(path: Path) -> str:
    """The key in `path`, made first when the file is missing. Readable by its owner alone. Raises OSError."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(fd, "w") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key
