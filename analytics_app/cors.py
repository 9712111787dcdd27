"""CORS: which web sites may send events from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Sequence
from typing import Final

Headers = list[tuple[str, str]]

# SDKs add headers of their own, some only when they send again. `*` is all of them but Authorization; browsers before
# 2022 may not know it, so that those of the SDKs are named too.
_ALLOWED_HEADERS: Final = (
    "*, Authorization, Content-Type, Content-Encoding, X-Write-Key, anonymousId, sentAt, X-RudderStack-Cookie, "
    "X-Retry-Count, Rsa-Retry-Attempt, Rsa-Retry-Reason, Rsa-Since-First-Attempt, Rsa-Since-Last-Attempt, Rsa-Recovered"
)
# Browsers ask again after this time at the latest; Chromium after two hours whatever is said here.
_MAX_AGE: Final = str(24 * 60 * 60)


def response_headers(origin: str | None) -> Headers:
    """Lets the page at `origin` read the answer. No cookie is ever used, hence no credentials."""
    if not origin:
        return []
    return [
        ("access-control-allow-origin", origin),
        ("vary", "Origin"),
        ("access-control-expose-headers", "Retry-After"),
    ]


def preflight_headers(origin: str, methods: Sequence[str]) -> Headers:
    """The answer to a preflight request of an allowed origin."""
    return [
        ("access-control-allow-origin", origin),
        ("vary", "Origin"),
        ("access-control-allow-methods", ", ".join((*methods, "OPTIONS"))),
        ("access-control-allow-headers", _ALLOWED_HEADERS),
        ("access-control-max-age", _MAX_AGE),
    ]
