"""How the body of `POST /api/v1/events` is read: as bytes, which `ingest` makes sense of."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import QueryDict
from rest_framework.parsers import BaseParser, FormParser


class BytesParser(BaseParser):
    """Hands over the body as it came."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 (DRF's signature)
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        return stream.read()


class TextParser(BytesParser):
    """Browsers send JSON as text to get by without a preflight request."""

    media_type = "text/plain"


class FormOrJSONParser(BytesParser):
    """An HTML form, or JSON under the name of one: `curl --data` sends that unless told otherwise."""

    media_type = FormParser.media_type

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = super().parse(stream, media_type, parser_context)
        return body if body.lstrip().startswith((b"{", b"[")) else QueryDict(body)
