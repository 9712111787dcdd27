"""A TCP forwarder on loopback: a fixed port for a server whose own port is random."""

import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Forwarder:
    """Accepts connections on 127.0.0.1:`port` and carries them to `target` (host, port), from start() to stop()."""

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        """Raises OSError when the port is in use."""
        self._server = _Server(port, target)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting; connections that are open end with their clients."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self.target = target
        super().__init__(("127.0.0.1", port), _Connection)


class _Connection(BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        try:
            upstream = socket.create_connection(self.server.target)
        except OSError:
            return
        with upstream:
            back = threading.Thread(target=_copy, args=(upstream, self.request), daemon=True)
            back.start()
            _copy(self.request, upstream)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until either side ends, then end both."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass  # The other direction has ended, or a peer has gone: either way this connection is over.
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
