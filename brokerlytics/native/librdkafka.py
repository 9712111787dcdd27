"""The librdkafka that the Python client brings with it, called beside the client.

The client stays in charge of the group, of errors and of settings. Only the messages of its partitions go another way:
librdkafka puts them into a queue that is read here, and never come through the client.
"""

import ctypes
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int32, c_size_t, c_void_p
from functools import lru_cache
from typing import Any, Final

from confluent_kafka import cimpl

from brokerlytics.native.build import library_file
from brokerlytics.native.library import Library, declared, library
from brokerlytics.native.messages import Functions, MessageReader

_PLUGINS: Final = "plugin.library.paths"
_ERROR_TEXT: Final = 512


class ClientReader(MessageReader):
    """Reads what is fetched of those partitions of a client that are led here."""

    def __init__(self, kafka: "Kafka", client: int, most: int) -> None:
        self._found, self._client = kafka, client
        self._own_queue: int | None = kafka.new_queue(client)
        super().__init__(kafka.native, kafka.functions, self._own_queue, most)

    def lead_here(self, topic: str, partition: int) -> None:
        """From now on the partition's messages come here, those that librdkafka still keeps as well.

        librdkafka never leads a partition to the client's own queue again of which the application said once where it
        goes (RD_KAFKA_Q_F_FWD_APP), so that none of its messages comes on two ways. When it stops fetching it does
        forget where to: then messages are kept until this is called again.
        """
        of_partition = self._found.queue_of_partition(self._client, topic.encode(), partition)
        self._found.forward(of_partition, self._own_queue)
        self._found.destroy_queue(of_partition)

    def close_queue(self) -> None:
        """Before the client goes."""
        self.close()
        queue, self._own_queue = self._own_queue, None
        if queue:
            self._found.destroy_queue(queue)


class Kafka:
    """The librdkafka of the Python client, called beside it."""

    def __init__(self, found: ctypes.CDLL, native: Library) -> None:
        self._plugin: Final = str(library_file())
        self.native: Final = native
        names = ("consume_batch_queue", "message_timestamp", "message_destroy")
        self.functions: Final = Functions(*(ctypes.cast(found[f"rd_kafka_{name}"], c_void_p) for name in names))
        self.new_queue: Final = declared(found.rd_kafka_queue_new, [c_void_p], c_void_p)
        self.destroy_queue: Final = declared(found.rd_kafka_queue_destroy, [c_void_p])
        self.queue_of_partition: Final = declared(
            found.rd_kafka_queue_get_partition, [c_void_p, c_char_p, c_int32], c_void_p
        )
        self.forward: Final = declared(found.rd_kafka_queue_forward, [c_void_p, c_void_p])
        self._add_on_new = ctypes.cast(found.rd_kafka_conf_interceptor_add_on_new, c_void_p)
        self._begin_noting = declared(native.functions.begin_noting, [c_void_p])
        self._end_noting = declared(native.functions.end_noting, [], c_void_p)
        self._new_settings = declared(found.rd_kafka_conf_new, [], c_void_p)
        self._set = declared(found.rd_kafka_conf_set, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t], c_int)
        self._destroy_settings = declared(found.rd_kafka_conf_destroy, [c_void_p])

    def takes_plugins(self) -> bool:
        """Whether it was built so, and takes our library for one."""
        settings, text = self._new_settings(), ctypes.create_string_buffer(_ERROR_TEXT)
        result: int = self._set(settings, _PLUGINS.encode(), self._plugin.encode(), text, _ERROR_TEXT)
        self._destroy_settings(settings)
        return result == 0

    def note(self, config: dict[str, Any], make: Callable[[dict[str, Any]], object]) -> int:
        """Have `make` make a Python client with these settings; librdkafka's handle of it.

        What `make` raises is raised.
        """
        plugins = [*filter(None, [config.get(_PLUGINS)]), self._plugin]
        self._begin_noting(self._add_on_new)
        try:
            make(config | {_PLUGINS: ";".join(plugins)})
        finally:
            handle: int | None = self._end_noting()
        if handle is None:
            raise RuntimeError("librdkafka made a client and did not tell its plugin.")
        return handle


@lru_cache(maxsize=1)
def kafka() -> Kafka | None:
    """None where the library is not compiled, or the Python client's librdkafka cannot be called beside it."""
    native = library()
    if native is None:
        return None
    try:
        # Names are looked for in what the extension was linked with as well.
        found = Kafka(ctypes.CDLL(cimpl.__file__), native)
    except (OSError, AttributeError):
        return None
    return found if found.takes_plugins() else None
