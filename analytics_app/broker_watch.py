"""Whether the broker is away, and whether it answers again: nobody's request waits to find that out."""

import threading
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException

_PAUSE_SECONDS: Final = 0.2


class BrokerWatch:
    """`away` from the moment that nothing was acknowledged in time until something is. Any thread may call it.

    While it is away, a thread asks the broker (`ask`: raises KafkaException without an answer). Once it answers, one
    request at a time may try: a broker can answer and yet acknowledge nothing, for want of replicas.
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self.away = False
        self._ask = ask
        self._answers = threading.Event()
        self._closing = threading.Event()
        self._probe = threading.Lock()
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None

    def tell(self, *, away: bool) -> None:
        """What a request that was sent has found."""
        with self._lock:
            self.away = away
            if not away or self._closing.is_set():
                return
            self._answers.clear()
            if self._asking is None:
                self._asking = threading.Thread(target=self._ask_on, name="kafka-watch", daemon=True)
                self._asking.start()

    def begin_probe(self) -> bool:
        """Whether this request may try while the broker is away; if so it calls `end_probe`."""
        return self._answers.is_set() and self._probe.acquire(blocking=False)

    def end_probe(self) -> None:
        self._probe.release()

    def close(self) -> None:
        """Ask no more. Waits for the answer that is under way."""
        with self._lock:
            self._closing.set()
            asking = self._asking
        if asking is not None:
            asking.join()

    def _ask_on(self) -> None:
        while not self._closing.wait(_PAUSE_SECONDS):
            try:
                self._ask()
            except KafkaException:
                continue
            with self._lock:
                self._answers.set()
                self._asking = None
            return
