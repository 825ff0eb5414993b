"""The running bank: OAuth, mutual-TLS and control listeners, and another host that only listens."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import partial
from types import TracebackType
from typing import Self

from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.control import Control
from bankfeeds.simulator.exchange import Request, Response
from bankfeeds.simulator.gateway import MTLS, OAUTH, TOKEN_PATH, handle
from bankfeeds.simulator.listener import Answer, Listener, PortTaken

__all__ = ["BankServer", "PortTaken"]


class BankServer:
    """Serves one bank for the length of a `with` block. Port 0 takes any free port. Raises PortTaken."""

    def __init__(
        self,
        bank: Bank,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        mtls_port: int = 0,
        control_port: int = 0,
        verbose: bool = False,
    ) -> None:
        self.bank = bank
        self._host = host
        self._ports = {OAUTH: port, MTLS: mtls_port, "control": control_port, "other": 0}
        self._verbose = verbose
        self._listeners: dict[str, Listener] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open all listeners, or none. Raises PortTaken."""
        plain, demanding = self._contexts()
        answers: dict[str, tuple[Answer, ssl.SSLContext | None]] = {
            OAUTH: (partial(handle, self.bank), plain),
            MTLS: (partial(handle, self.bank), demanding),
            "control": (Control(self).handle, None),
            "other": (self._other_host, plain),
        }
        try:
            for name, (answer, context) in answers.items():
                # Control stands in for bank staff and asks for no password: it never leaves loopback.
                host = "127.0.0.1" if name in ("control", "other") else self._host
                self._listeners[name] = Listener(
                    name, answer, host=host, port=self._ports[name], context=context, verbose=self._verbose
                )
        except PortTaken:
            self.stop()
            raise
        self.bank.tokens.announce(self.token_url)
        # By address, not by name: for a client that pins the host this is another one.
        self.bank.other_host_url = f"https://127.0.0.1:{self._listeners['other'].port}"
        for listener in self._listeners.values():
            listener.start()

    def stop(self) -> None:
        """Close everything and wait until no thread is left."""
        for listener in self._listeners.values():
            listener.stop()
        self._listeners = {}

    @property
    def oauth_url(self) -> str:
        """Base of both APIs for callers with a bearer token."""
        return f"https://localhost:{self._listeners[OAUTH].port}"

    @property
    def mtls_url(self) -> str:
        """Base of both APIs for callers with a client certificate."""
        return f"https://localhost:{self._listeners[MTLS].port}"

    @property
    def token_url(self) -> str:
        """Where assertions are exchanged for bearer tokens; also their audience."""
        return f"{self.oauth_url}{TOKEN_PATH}"

    @property
    def control_url(self) -> str:
        """Base of the control listener, plain HTTP."""
        return f"http://127.0.0.1:{self._listeners['control'].port}"

    @property
    def roots_pem(self) -> str:
        """The only root a client needs to trust."""
        return self.bank.authority.root_pem

    @property
    def urls(self) -> dict[str, str]:
        """All addresses by name."""
        return {
            "oauth": self.oauth_url,
            "mtls": self.mtls_url,
            "token": self.token_url,
            "control": self.control_url,
        }

    def _contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Return the TLS contexts: one that asks for no client certificate, one that demands it."""
        identity = self.bank.authority.server_identity(now=self.bank.terms.clock())
        descriptor, path = tempfile.mkstemp(prefix="simulated-bank-", suffix=".pem")
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(identity)
            contexts = []
            for _ in range(2):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.load_cert_chain(path)
                contexts.append(context)
        finally:
            os.unlink(path)
        plain, demanding = contexts
        demanding.verify_mode = ssl.CERT_REQUIRED
        demanding.load_verify_locations(cadata=self.bank.authority.root_pem)
        return plain, demanding

    def _other_host(self, request: Request) -> Response:
        """A host that is not the bank: it answers anything and remembers what was sent to it."""
        carried = (
            "authorization" in request.headers or "cookie" in request.headers or b"assertion" in request.body
        )
        self.bank.other_host_requests.append(
            {
                "method": request.method,
                "path": request.path,
                "headers": dict(request.headers),
                "credentials": carried,
            }
        )
        return Response(status=200, body=b"{}")
