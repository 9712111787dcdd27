"""Tokens that open something by themselves: long enough to be unguessable, and kept only as their digest."""

import hashlib
import secrets


def new_token(prefix: str) -> str:
    """A token of 256 random bits; the prefix tells people and scanners what was found when one leaks."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """What is stored of a token, 64 hex digits. So random a text needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
