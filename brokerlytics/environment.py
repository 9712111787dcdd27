"""The environment as settings.py reads it: every fault is one line that names the variable."""

from pathlib import Path
from typing import Any, Final

import environ
from django.core.exceptions import ImproperlyConfigured

_BOOLEANS: Final = {*environ.Env.BOOLEAN_TRUE_STRINGS, "false", "off", "n", "no", "0"}


class Environment(environ.Env):  # type: ignore[misc]  # environ ships no types
    """django-environ's Env. A variable that is set but empty counts as not set."""

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **more: Any) -> Any:
        """The variable's value. Raises ImproperlyConfigured when it is not of the type `cast`."""
        value = self.ENVIRON.get(var, "").strip()
        if not value and default is not self.NOTSET:
            return default
        problem = f"{var}={value} cannot be used: it has to be of the type {getattr(cast, '__name__', cast)}."
        if cast is bool and value.lower() not in _BOOLEANS:
            raise ImproperlyConfigured(problem)
        try:
            return super().get_value(var, cast=cast, default=default, **more)
        except ValueError:
            raise ImproperlyConfigured(problem) from None


def make_data_dir(path: Path) -> Path:
    """`path`, made with its parents when it is missing. Raises ImproperlyConfigured when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={path} cannot be used: {error.strerror}.") from None
    return path
