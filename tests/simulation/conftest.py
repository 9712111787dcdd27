"""The fixtures of the collecting app: a producer that needs no broker, and nothing left by the test before."""

from tests.analytics.conftest import _fresh_process, recorder

__all__ = ["_fresh_process", "recorder"]
