"""Threaded HTTP/1.1 listeners, plain or over TLS, that stop without leaving a thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from bankfeeds.simulator.authority import thumbprint
from bankfeeds.simulator.exchange import Request, Response, error

IDLE_SECONDS = 60
LARGEST_BODY = 1_000_000

Answer = Callable[[Request], Response]


class PortTaken(OSError):
    """The address of a listener is in use; the message is a sentence."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "SimulatedBank"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        path, _, query = self.path.partition("?")
        request = Request(
            listener=self.server.name,
            method=self.command,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            peer=self._peer(),
        )
        response = self.server.answer(request)
        if response.delay and self.server.stopping.wait(response.delay):
            self.close_connection = True
            return
        self._send(response)

    def __getattr__(self, name: str) -> Any:
        # The base class looks for do_GET and the like; every method goes the same way here.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            refusal = error(411, "GCA-023", "A Content-Length is required.")
        elif int(length) > LARGEST_BODY:
            refusal = error(413, "GCA-023", "The body is too large.")
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        self._send(refusal)
        return None

    def _peer(self) -> str | None:
        der = (
            self.connection.getpeercert(binary_form=True)
            if isinstance(self.connection, ssl.SSLSocket)
            else None
        )
        return thumbprint(der) if der else None

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if response.cut:
            self._break_off(response.body)
        elif self.command != "HEAD":
            self.wfile.write(response.body)

    def _break_off(self, body: bytes) -> None:
        """Send half of the announced body, then drop the connection without closing TLS."""
        self.close_connection = True
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.server.drop(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        if self.server.verbose:
            # The request line holds no secret: tokens travel in headers, assertions in bodies.
            print(f"{self.server.name}: {format % args}", file=sys.stderr)


class Listener(HTTPServer):
    """One listening address. A TLS handshake happens in its connection's thread, never in the accept loop."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        name: str,
        answer: Answer,
        *,
        host: str,
        port: int,
        context: ssl.SSLContext | None = None,
        verbose: bool = False,
    ) -> None:
        self.name = name
        self.answer = answer
        self.verbose = verbose
        self.stopping = threading.Event()
        self._context = context
        self._open: dict[threading.Thread, socket.socket] = {}
        self._guard = threading.Lock()
        self._loop = threading.Thread(target=self._accept, name=f"bank-{name}", daemon=True)
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as problem:
            why = getattr(problem, "strerror", None) or str(problem)
            raise PortTaken(
                f"Port {port} on {host} cannot be used for the bank's {name} listener: {why}."
            ) from None

    @property
    def port(self) -> int:
        """The port really in use."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        """Stop accepting, drop open connections, and wait for every thread."""
        self.stopping.set()
        if self._loop.is_alive():
            # A connection of our own wakes the accept loop, which then sees that it is to end.
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.server_name, self.port), timeout=5),
            ):
                pass
            self._loop.join()
        self.server_close()
        with self._guard:
            pending = dict(self._open)
        for connection in pending.values():
            _shut(connection)
        for thread in pending:
            thread.join()

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which can take seconds where there is no resolver."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a new connection to a thread of its own."""
        thread = threading.Thread(target=self._connection, args=(request, client_address), daemon=True)
        with self._guard:
            self._open[thread] = request
        thread.start()

    def drop(self, connection: socket.socket) -> None:
        """End a connection at once, without a TLS goodbye."""
        _shut(connection)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, address = self.socket.accept()
            except OSError:
                # Out of descriptors, or the caller is gone already: the next one may fare better.
                self.stopping.wait(0.05)
                continue
            self.process_request(connection, address)

    def _connection(self, raw: socket.socket, address: Any) -> None:
        connection = raw
        try:
            raw.settimeout(IDLE_SECONDS)
            if self._context is not None:
                connection = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
                with self._guard:
                    self._open[threading.current_thread()] = connection
                if self.stopping.is_set():
                    return
                connection.do_handshake()
            _Handler(connection, address, self)
        except OSError as problem:
            # A refused handshake or a caller that went away: the bank notes it and goes on.
            if self.verbose:
                print(f"{self.name}: connection ended: {problem}", file=sys.stderr)
        finally:
            _goodbye(connection)
            # Last, so that `stop` waits for the goodbye too.
            with self._guard:
                self._open.pop(threading.current_thread(), None)


def _shut(connection: socket.socket) -> None:
    # The plain socket call: SSLSocket.shutdown would reset TLS state that another thread is reading with.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _goodbye(connection: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(1)
            connection = connection.unwrap()
    _shut(connection)
    connection.close()
