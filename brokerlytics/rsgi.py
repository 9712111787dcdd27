"""What the web server runs: the collector for requests with events, Django for everything else."""

import asyncio
import logging
import os
from typing import Any, Final

import django
from django.conf import settings
from django.utils.module_loading import import_string
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # public, re-exported without saying so

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
django.setup()

import brokerlytics.urls  # noqa: E402, F401 (all pages are loaded now, and not by the first request)
from brokerlytics.wsgi import application as django_application  # noqa: E402
from brokerlytics.wsgi_bridge import WSGIBridge  # noqa: E402

logger = logging.getLogger(__name__)


class Application:
    """https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md"""

    def __init__(self) -> None:
        self._collector = import_string(settings.COLLECTOR)
        self._django = WSGIBridge(django_application, settings.WEB_THREADS)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._collector.start(loop)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._django.close()
        self._collector.stop()

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        endpoint = self._collector.handles(scope)
        try:
            if endpoint is not None:
                await self._collector.handle(endpoint, scope, proto)
            else:
                await self._django.handle(scope, proto)
        except ProtocolClosed:
            # The client left in the middle of its body: nobody is there to be answered.
            logger.debug("A client left before its request was complete")


application: Final = Application()
