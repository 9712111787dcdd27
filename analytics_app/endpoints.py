"""The paths that take events, each as the clients of its protocol call it."""

from typing import Final, Literal

import msgspec

Protocol = Literal["native", "segment", "posthog"]


class Endpoint(msgspec.Struct, frozen=True):
    """One path.

    Attributes:
        path: without a slash at its end; it is served with one as well.
        protocol: how the body is read and what the answer looks like.
        kind: of every event that comes here; None where each event says it.
        methods: that take events.
    """

    path: str
    protocol: Protocol
    kind: str | None = None
    methods: tuple[str, ...] = ("POST",)


NATIVE: Final = Endpoint("/api/v1/events", "native")
_KINDS: Final = ("track", "identify", "page", "screen", "group", "alias")
_ALL: Final = (
    NATIVE,
    # https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
    *(Endpoint(f"/v1/{kind}", "segment", kind) for kind in _KINDS),
    # The short forms are those of Segment's browser SDK.
    *(Endpoint(f"/v1/{kind[0]}", "segment", kind) for kind in _KINDS),
    *(Endpoint(f"/v1/{name}", "segment") for name in ("batch", "b", "import")),
    # RudderStack: what pages send when they are left, and images in e-mails.
    Endpoint("/beacon/v1/batch", "segment"),
    *(Endpoint(f"/pixel/v1/{kind}", "segment", kind, ("GET",)) for kind in ("track", "page")),
    # https://posthog.com/docs/api/capture
    *(Endpoint(path, "posthog") for path in ("/batch", "/capture", "/e", "/i/v0/e")),
)
ENDPOINTS: Final = {path: endpoint for endpoint in _ALL for path in (endpoint.path, f"{endpoint.path}/")}
