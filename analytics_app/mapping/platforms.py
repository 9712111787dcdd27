"""Which platform a client's library runs on, and on what kind of device."""

import re
from functools import lru_cache
from typing import Any, Final

from analytics_app.mapping.values import LONGEST, text

_WORDS: Final = re.compile("[a-z0-9]+")
_SERVER: Final = frozenset(
    (
        "python",
        "node",
        "nodejs",
        "go",
        "ruby",
        "java",
        "php",
        "net",
        "dotnet",
        "csharp",
        "rust",
        "rs",
        "elixir",
        "clojure",
    )
)
_WEB: Final = frozenset(("web", "js", "javascript", "browser"))
_IOS: Final = frozenset(("ios", "ipados", "swift"))
_ANDROID: Final = frozenset(("android", "kotlin"))


def of_library(name: Any) -> str | None:
    """The platform of the library `name`: web, ios, android or server; None where the name does not tell."""
    return _of_library(name) if isinstance(name, str) and len(name) <= 100 else None


def of_system(name: Any) -> str | None:
    """The platform of an operating system or kind of device: ios or android; None for any other."""
    if not isinstance(name, str):
        return None
    name = name.lower()
    if name in _IOS:
        return "ios"
    return "android" if name == "android" else None


def device_type(kind: Any, model: Any) -> str | None:
    """What a client calls its device, in small letters; of ios and android, which name a system, what they run on."""
    if of_system(kind):
        return "tablet" if isinstance(model, str) and model.startswith("iPad") else "mobile"
    return text(kind.lower(), LONGEST["device_type"]) if isinstance(kind, str) else None


@lru_cache(1000)
def _of_library(name: str) -> str | None:
    name = name.lower()
    words = frozenset(_WORDS.findall(name))
    # RudderStack's are called RudderAndroidLibrary and rudder-ios-library.
    if words & _ANDROID or "android" in name:
        return "android"
    if words & _IOS:
        return "ios"
    # A server's library may say both, as posthog-node-js.
    if words & _SERVER:
        return "server"
    return "web" if words & _WEB else None
