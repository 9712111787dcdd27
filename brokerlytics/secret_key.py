"""Django's SECRET_KEY for an installation that sets none: made once, kept in the data directory."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path


def load_secret_key(path: Path) -> str:
    """The key in `path`, made first when there is none. Readable by its owner alone. Raises OSError."""
    with suppress(FileNotFoundError):
        if key := path.read_text().strip():
            return key
    # Of several processes that start at once one makes it; a process that died here has left it empty.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        key = file.read().strip()
        if not key:
            key = secrets.token_urlsafe(50)
            file.write(key)
            file.flush()
    return key
