"""How the body of `POST /api/v1/events` is read in Django: as bytes, which `collect` makes sense of."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import QueryDict
from rest_framework.parsers import BaseParser, FormParser

from analytics_app.body import MAX_BODY_BYTES


class BytesParser(BaseParser):
    """Hands over the body as it came, whatever its type is called."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 (DRF's signature)
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        return stream.read(MAX_BODY_BYTES + 1)


class FormOrJSONParser(BytesParser):
    """An HTML form, or a body under the name of one: `curl --data` sends that unless told otherwise."""

    media_type = FormParser.media_type

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = super().parse(stream, media_type, parser_context)
        return QueryDict(body) if _is_form(body) else body


def _is_form(body: bytes) -> bool:
    return b"event_type=" in body and not body.lstrip().startswith((b"{", b"["))
