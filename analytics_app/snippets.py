"""Set-up code for each SDK, ready to be pasted: with the address of this installation and a source's write key."""

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import quote, urlsplit

_DIRECTORY: Final = Path(__file__).parent / "sdk_snippets"
_LOOPBACK: Final = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
# `$` begins a variable in Kotlin's strings, `<` may end a script.
_SPECIAL: Final = re.compile(r"[$<>&']")
_ESCAPE: Final = re.compile(r"\\u([0-9a-f]{4})")
_NEEDS_HTTPS: Final = "This SDK always uses HTTPS: put a proxy with a certificate in front of the server."


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to send. `file` lies in sdk_snippets; `https_only`: the SDK knows no other protocol."""

    title: str
    file: str
    https_only: bool = False

    @property
    def id(self) -> str:
        return self.file.partition(".")[0]


@dataclass(frozen=True, slots=True)
class FilledSnippet:
    """A snippet as it is shown; `warning` is empty when there is nothing to say."""

    id: str
    title: str
    code: str
    warning: str


_SECTIONS: Final[dict[str, tuple[Snippet, ...]]] = {
    "Web": (
        Snippet("No library", "web-plain.html.txt"),
        Snippet("Segment analytics.js", "web-segment.js"),
        Snippet("RudderStack", "web-rudderstack.js"),
        Snippet("PostHog", "web-posthog.js"),
    ),
    "iOS": (
        Snippet("Segment analytics-swift", "ios-segment.swift", https_only=True),
        Snippet("PostHog", "ios-posthog.swift"),
    ),
    "Android": (
        Snippet("Segment analytics-kotlin", "android-segment.kt", https_only=True),
        Snippet("PostHog", "android-posthog.kt"),
    ),
    "Node": (
        Snippet("Segment", "node-segment.mjs"),
        Snippet("RudderStack", "node-rudderstack.mjs"),
        Snippet("PostHog", "node-posthog.mjs"),
    ),
    "Python": (
        Snippet("Segment", "python-segment.py.txt"),
        Snippet("RudderStack", "python-rudderstack.py.txt"),
        Snippet("PostHog", "python-posthog.py.txt"),
    ),
    "curl": (
        Snippet("Brokerlytics' own API", "curl-native.sh"),
        Snippet("Segment's API", "curl-segment.sh"),
    ),
}


def filled_sections(host: str, write_key: str) -> dict[str, list[FilledSnippet]]:
    """The snippets by platform.

    Args:
        host: of the installation as clients reach it, such as https://events.example.org; a path is kept.
        write_key: of the source.
    """
    host = host.rstrip("/")
    literals = _literals(host, write_key)
    secure = urlsplit(host).scheme == "https"
    return {
        platform: [
            FilledSnippet(
                id=snippet.id,
                title=snippet.title,
                code=_fill(snippet, literals),
                warning=_NEEDS_HTTPS if snippet.https_only and not secure else "",
            )
            for snippet in snippets
        ]
        for platform, snippets in _SECTIONS.items()
    }


def is_local(host: str) -> bool:
    """Whether only this very computer reaches `host`."""
    return bool(_LOOPBACK.fullmatch(urlsplit(host).hostname or ""))


def _literals(host: str, key: str) -> dict[str, str]:
    scheme, _, address = host.partition("://")
    texts = {
        "key": key,
        "host": host,
        "protocol": scheme,
        # Segment's SDKs want it without the scheme.
        "segment_host": f"{address}/v1",
        "collect_url": f"{host}/api/v1/events?write_key={quote(key)}",
    }
    words = {
        "shell_user": f"{key}:",
        "shell_events_url": f"{host}/api/v1/events",
        "shell_batch_url": f"{host}/v1/batch",
    }
    return {name: _quoted(text) for name, text in texts.items()} | {
        name: shlex.quote(word) for name, word in words.items()
    }


def _quoted(text: str) -> str:
    """A string in JavaScript, inside a page too, in Kotlin and in Python."""
    return _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text))


def _fill(snippet: Snippet, literals: dict[str, str]) -> str:
    if snippet.file.endswith(".swift"):
        literals = {name: _ESCAPE.sub(r"\\u{\1}", literal) for name, literal in literals.items()}
    return _template(snippet.file).substitute(literals).strip()


@cache
def _template(file: str) -> Template:
    return Template((_DIRECTORY / file).read_text())
