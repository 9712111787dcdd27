"""Every code that is counted stands in the documents, and no other does."""

import re

from django.conf import settings

from analytics_app.codes import CODES


def codes_under(heading: str) -> list[str]:
    """The first cells of the table under `heading` in docs/api.md."""
    text = (settings.BASE_DIR / "docs" / "api.md").read_text()
    section = text.split(f"\n### {heading}\n")[1].split("\n### ", maxsplit=1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)[1:]


def test_every_code_is_in_the_documents_once() -> None:
    listed = codes_under("Why a request is not taken") + codes_under("Why one event is not taken")
    assert sorted(listed) == sorted(CODES)
